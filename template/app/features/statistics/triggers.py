"""The triggers that mark what changes in a table: in the database, so that nobody goes around them.

Revisions have them in full, for a revision outlives what wrote it.
"""

from __future__ import annotations

import hashlib
from textwrap import indent
from typing import Any

from sqlalchemy import ColumnElement, Dialect, func, literal_column, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

DIALECTS: dict[str, type[Dialect]] = {
    "sqlite": sqlite.dialect,
    "postgresql": postgresql.dialect,
    "mysql": mysql.dialect,
}
# What a changed row was, and what it is.
ROWS = {"insert": ("new",), "update": ("old", "new"), "delete": ("old",)}
# Those that see every change. On MySQL none sees what a foreign key does to the rows of a table.
_SEEING = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname AS name FROM pg_trigger WHERE tgenabled IN ('O', 'A')"
    " AND pg_table_is_visible(tgrelid)",
    "mysql": "SELECT trigger_name AS name FROM information_schema.triggers"
    " WHERE trigger_schema = database() AND event_object_table NOT IN"
    " (SELECT table_name FROM information_schema.referential_constraints"
    " WHERE constraint_schema = database()"
    " AND NOT (delete_rule IN ('RESTRICT', 'NO ACTION')"
    " AND update_rule IN ('RESTRICT', 'NO ACTION')))",
}
_BODY = """\
def _marked(statements: dict[str, tuple[str, ...]]) -> None:
    name = op.get_context().dialect.name
    for statement in statements["mysql" if name == "mariadb" else name]:
        op.execute(statement)
"""


_NAME: ColumnElement[str] = literal_column("name")


class _Seeing(FunctionElement[str]):
    """What the database says of its triggers, as a table with a `name`."""

    inherit_cache = True


@compiles(_Seeing)
def _in_catalogue(_: _Seeing, compiler: SQLCompiler, **__: Any) -> str:  # noqa: ANN401
    name = compiler.dialect.name
    return f"({_SEEING['mysql' if name == 'mariadb' else name]}) AS seeing"


def marked(source: str) -> ColumnElement[bool]:
    """Return whether triggers see every change of a source, as in `invoices.issued_at`."""
    names = [f"statistics_{event}_{_short(source)}" for event in ROWS]
    found = select(func.count()).select_from(_Seeing()).where(_NAME.in_(names))
    return found.scalar_subquery() == len(names)


def revision_parts(table: str, column: str) -> str:
    """Return what a revision needs, to mark changes by `_marked(MARK)` and `_marked(FORGET)`."""
    made = {name: statements(name, table, column) for name in DIALECTS}
    mark = _written("MARK", {name: marking for name, (marking, _) in made.items()})
    forget = _written("FORGET", {name: forgetting for name, (_, forgetting) in made.items()})
    return f"{mark}\n{forget}\n\n\n{_BODY}"


def _short(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def _written(name: str, statements: dict[str, list[str]]) -> str:
    lines = [f"{name}: dict[str, tuple[str, ...]] = " + "{"]
    for dialect, texts in statements.items():
        lines.append(f'    "{dialect}": (')
        for text in texts:
            whole = f'"{text}",' if "\n" not in text else f'"""\n{text}\n""",'
            lines.append(indent(whole, " " * 8))
        lines.append("    ),")
    return "\n".join([*lines, "}"])


def statements(dialect: str, table: str, column: str) -> tuple[list[str], list[str]]:
    """Return what makes the triggers, and what drops them."""
    quote = DIALECTS[dialect]().identifier_preparer.quote
    on, at, name = quote(table), quote(column), _short(f"{table}.{column}")
    source = f"'{table}.{column}'"
    if dialect == "postgresql":
        return _of_statements(source, on, at, name)
    begin, end = ("BEGIN\n", ";\nEND") if dialect == "sqlite" else ("", "")
    nowhere = " " if dialect == "sqlite" else " FROM DUAL\n"
    marking = []
    for event, rows in ROWS.items():
        each = [f"{source}, {row}.{at}{nowhere}WHERE {row}.{at} IS NOT NULL" for row in rows]
        marking.append(
            f"CREATE TRIGGER statistics_{event}_{name} AFTER {event.upper()} ON {on}\n"
            f"FOR EACH ROW {begin}{_marking(each)}{end}"
        )
    return marking, [f"DROP TRIGGER statistics_{event}_{name}" for event in ROWS]


def _marking(rows: list[str]) -> str:
    # A row that stays where it was is marked once.
    return "INSERT INTO statistics_marks (source, at)\nSELECT " + "\nUNION SELECT ".join(rows)


def _of_statements(source: str, on: str, at: str, name: str) -> tuple[list[str], list[str]]:
    """Once for each statement: one that changes many rows marks each instant once."""
    branches = []
    for event, rows in ROWS.items():
        each = [f"{source}, {at} FROM {row}_rows WHERE {at} IS NOT NULL" for row in rows]
        branches.append(f"IF TG_OP = '{event.upper()}' THEN\n{_marking(each)};")
    body = "\nELS".join(branches)
    function = (
        f"CREATE FUNCTION statistics_mark_{name}() RETURNS trigger\n"
        "LANGUAGE plpgsql AS $$\n"
        f"BEGIN\n{body}\nELSE\n"
        f"INSERT INTO statistics_marks (source, at) VALUES ({source}, NULL);\n"
        "END IF;\nRETURN NULL;\nEND $$"
    )
    # Temporary tables come last, or one that is called as ours would have the marks.
    path = (
        "DO $$ BEGIN\n"
        f"EXECUTE 'ALTER FUNCTION statistics_mark_{name}() SET search_path TO '\n"
        "|| quote_ident(current_schema()) || ', pg_temp';\nEND $$"
    )
    marking = [function, path]
    events = (*ROWS, "truncate")
    for event in events:
        seen = " ".join(f"{row.upper()} TABLE AS {row}_rows" for row in ROWS.get(event, ()))
        marking.append(
            f"CREATE TRIGGER statistics_{event}_{name} AFTER {event.upper()} ON {on}\n"
            f"{f'REFERENCING {seen}' + chr(10) if seen else ''}"
            f"FOR EACH STATEMENT EXECUTE FUNCTION statistics_mark_{name}()"
        )
    forgetting = [f"DROP TRIGGER statistics_{event}_{name} ON {on}" for event in events]
    return marking, [*forgetting, f"DROP FUNCTION statistics_mark_{name}()"]
