"""The rows of the journal: what of a revision was executed, in the database that it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    and_,
    inspect,
    select,
)
from sqlalchemy.dialects import mysql

Direction = Literal["up", "down", "undo"]
State = Literal["started", "done"]

TEXT = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
JOURNAL = Table(
    "alembic_journal",
    MetaData(),
    Column("revision", String(32), primary_key=True),
    Column("direction", String(4), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("operation", String(200), nullable=False),
    Column("line", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("statement", TEXT, nullable=False),
    Column("state", String(8), nullable=False),
    Column("before", String(64)),
    Column("row_count", BigInteger, nullable=False),
    Column("at", DateTime, nullable=False),
    mysql_engine="InnoDB",
)


@dataclass(frozen=True)
class Entry:
    """One statement of a revision that was executed, or at least begun."""

    revision: str
    direction: Direction
    number: int
    operation: str
    line: int
    digest: str
    statement: str
    state: State
    before: str | None
    row_count: int


_FIELDS = tuple(JOURNAL.c[name] for name in Entry.__dataclass_fields__)


def entries(connection: Connection, revision: str | None = None) -> list[Entry]:
    """Return everything that is partly applied, or that of one revision; often nothing."""
    if not inspect(connection).has_table(JOURNAL.name):
        return []
    query = select(*_FIELDS).order_by(JOURNAL.c.direction, JOURNAL.c.number)
    if revision is not None:
        query = query.where(JOURNAL.c.revision == revision)
    return [Entry(**row) for row in connection.execute(query).mappings()]


def is_entry(entry: Entry) -> ColumnElement[bool]:
    """Return the condition that picks its row."""
    keys = ("revision", "direction", "number")
    return and_(*(JOURNAL.c[key] == getattr(entry, key) for key in keys))
