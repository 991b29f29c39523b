"""The triggers that mark what changes in a table: in the database, so that nobody goes around them.

Revisions have them in full, for a revision outlives what wrote it.
"""

from __future__ import annotations

import hashlib
from textwrap import indent

from sqlalchemy import Dialect
from sqlalchemy.dialects import mysql, postgresql, sqlite

DIALECTS: dict[str, type[Dialect]] = {
    "sqlite": sqlite.dialect,
    "postgresql": postgresql.dialect,
    "mysql": mysql.dialect,
}
# What a changed row was, and what it is.
ROWS = {"insert": ("new",), "update": ("old", "new"), "delete": ("old",)}
_BODY = """\
def _marked(statements: dict[str, tuple[str, ...]]) -> None:
    name = op.get_context().dialect.name
    for statement in statements["mysql" if name == "mariadb" else name]:
        op.execute(statement)
"""


def names(source: str) -> set[str]:
    """Return what the triggers of a source, as in `invoices.issued_at`, are called."""
    return {f"statistics_{event}_{_short(source)}" for event in ROWS}


def revision_parts(table: str, column: str) -> str:
    """Return what a revision needs, to mark changes by `_marked(MARK)` and `_marked(FORGET)`."""
    made = {name: _statements(name, table, column) for name in DIALECTS}
    mark = _written("MARK", {name: marking for name, (marking, _) in made.items()})
    forget = _written("FORGET", {name: forgetting for name, (_, forgetting) in made.items()})
    return f"{mark}\n{forget}\n\n\n{_BODY}"


def _short(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def _written(name: str, statements: dict[str, list[str]]) -> str:
    lines = [f"{name}: dict[str, tuple[str, ...]] = {{"]
    for dialect, texts in statements.items():
        lines.append(f'    "{dialect}": (')
        for text in texts:
            whole = f'"{text}",' if "\n" not in text else f'"""\n{text}\n""",'
            lines.append(indent(whole, " " * 8))
        lines.append("    ),")
    return "\n".join([*lines, "}"])


def _statements(dialect: str, table: str, column: str) -> tuple[list[str], list[str]]:
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
        f"CREATE FUNCTION statistics_mark_{name}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
        f"BEGIN\n{body}\nELSE\n"
        f"INSERT INTO statistics_marks (source, at) VALUES ({source}, NULL);\n"
        "END IF;\nRETURN NULL;\nEND $$"
    )
    marking = [function]
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
