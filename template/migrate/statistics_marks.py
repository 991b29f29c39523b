"""Triggers that mark what changes in a table, for the statistics that count it.

    def upgrade() -> None:
        mark_changes("invoices", "issued_at")

They are in the database, so that nobody's change goes unmarked, whatever it is made with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from alembic import op

# What a changed row was, and what it is.
ROWS = {"insert": ("new",), "update": ("old", "new"), "delete": ("old",)}
MARK = "INSERT INTO statistics_marks (source, at)"


def mark_changes(table: str, column: str) -> None:
    """Mark each change of `table` by the instant in `column` of the rows that it touches."""
    for statement in _creating(table, column):
        op.execute(statement)


def forget_changes(table: str, column: str) -> None:
    """Mark changes no more; what is kept of them is counted anew by the next run."""
    name = _name(table, column)
    dialect = op.get_context().dialect.name
    for event in (*ROWS, "truncate") if dialect == "postgresql" else ROWS:
        on = f" ON {_quoted(table)}" if dialect == "postgresql" else ""
        op.execute(f"DROP TRIGGER statistics_{event}_{name}{on}")
    if dialect == "postgresql":
        op.execute(f"DROP FUNCTION statistics_mark_{name}()")


def _name(table: str, column: str) -> str:
    return hashlib.sha256(f"{table}.{column}".encode()).hexdigest()[:12]


def _quoted(name: str) -> str:
    return op.get_context().dialect.identifier_preparer.quote(name)


def _creating(table: str, column: str) -> Iterator[str]:
    name, source = _name(table, column), f"'{table}.{column}'"
    on, at = _quoted(table), _quoted(column)
    dialect = op.get_context().dialect.name
    if dialect == "postgresql":
        yield from _of_statements(name, source, on, at)
        return
    marking = "BEGIN {}; END" if dialect == "sqlite" else "{}"
    nowhere = "" if dialect == "sqlite" else "FROM DUAL "
    for event, rows in ROWS.items():
        each = [f"{source}, {row}.{at} {nowhere}WHERE {row}.{at} IS NOT NULL" for row in rows]
        trigger = f"CREATE TRIGGER statistics_{event}_{name} AFTER {event} ON {on} FOR EACH ROW"
        yield f"{trigger} {marking.format(_marking(each))}"


def _marking(rows: list[str]) -> str:
    # A row that stays where it was is marked once.
    return f"{MARK} SELECT {' UNION SELECT '.join(rows)}"


def _of_statements(name: str, source: str, on: str, at: str) -> Iterator[str]:
    """Once for each statement: one that changes many rows marks each instant once."""
    branches = []
    for event, rows in ROWS.items():
        each = [f"{source}, {at} FROM {row}_rows WHERE {at} IS NOT NULL" for row in rows]
        branches.append(f"TG_OP = '{event.upper()}' THEN {_marking(each)};")
    yield (
        f"CREATE FUNCTION statistics_mark_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN IF {' ELSIF '.join(branches)} ELSE {MARK} VALUES ({source}, NULL); END IF; "
        "RETURN NULL; END $$"
    )
    for event in (*ROWS, "truncate"):
        seen = " ".join(f"{row} TABLE AS {row}_rows" for row in ROWS.get(event, ()))
        yield (
            f"CREATE TRIGGER statistics_{event}_{name} AFTER {event} ON {on} "
            f"{f'REFERENCING {seen} ' if seen else ''}"
            f"FOR EACH STATEMENT EXECUTE FUNCTION statistics_mark_{name}()"
        )
