"""The rows of the journal: what a revision has sent and got, in the database that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    inspect,
    select,
)
from sqlalchemy.dialects import mysql

from migrate.engine import raw

# Rows of a revision that is being undone are all of that direction.
Direction = Literal["up", "down", "undo"]
# Sent, but not known to be done; done; refused by the server, which the revision has caught.
State = Literal["started", "done", "failed"]

TEXT = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
JOURNAL = Table(
    "alembic_journal",
    MetaData(),
    Column("revision", String(32), primary_key=True),
    Column("direction", String(4), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("line", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("statement", TEXT, nullable=False),
    Column("parameters", TEXT),
    Column("state", String(8), nullable=False),
    Column("objects", TEXT),
    Column("row_count", BigInteger, nullable=False),
    Column("output", TEXT),
    Column("at", DateTime, nullable=False),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
)
ADDED = ("parameters", "objects", "output")
# What a journal of before 0.10.0 demands and no row has any more.
OPTIONAL = {
    "mysql": "ALTER TABLE alembic_journal MODIFY operation varchar(200) NULL",
    "postgresql": "ALTER TABLE alembic_journal ALTER operation DROP NOT NULL",
}
# What a statement has given of which a person says that it was executed: nothing.
DONE = '{"dict": [["rows", {"list": []}]]}'
OPTIONAL["mariadb"] = OPTIONAL["mysql"]


@dataclass(frozen=True)
class Entry:
    """One statement of a revision. Number 0 is no statement: it has the revision's source."""

    revision: str
    direction: Direction
    number: int
    line: int
    digest: str
    statement: str
    # As JSON: what was sent with it; the objects it names as they were; what came back.
    parameters: str | None = None
    state: State = "done"
    objects: str | None = None
    row_count: int = 0
    output: str | None = None

    @property
    def is_old(self) -> bool:
        """Say whether a kit of before 0.10.0 wrote it, which kept only statements that write."""
        return self.output is None and self.objects is None and self.number > 0

    @property
    def is_read(self) -> bool:
        """Say whether it is noted only for what it gave."""
        return self.number == 0 or self.statement.lstrip()[:6].lower() in ("select", "show c")


NAMES = tuple(field.name for field in fields(Entry))
INSERT = (
    f"INSERT INTO {JOURNAL.name} ({', '.join(NAMES)}, at)"  # noqa: S608
    f" VALUES ({', '.join(['%s'] * len(NAMES))}, %s)"
)
SETTLE = f"UPDATE {JOURNAL.name} SET state = %s, row_count = %s, output = %s"  # noqa: S608
FORGET = f"DELETE FROM {JOURNAL.name} WHERE revision = %s"  # noqa: S608
FORGET_ONE = f"{FORGET} AND direction = %s AND number = %s"
ONE = " WHERE revision = %s AND direction = %s AND number = %s"


def create(engine: Engine) -> None:
    """Make the table, or let the one of an older kit have what it lacks."""
    with engine.begin() as connection:
        JOURNAL.create(connection, checkfirst=True)
        there = {column["name"] for column in inspect(connection).get_columns(JOURNAL.name)}
        for name in set(ADDED) - there:
            kind = TEXT.compile(engine.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {JOURNAL.name} ADD {name} {kind}")
        if "operation" in there and (optional := OPTIONAL.get(engine.dialect.name)):
            connection.exec_driver_sql(optional)


def entries(connection: Connection, revision: str | None = None) -> list[Entry]:
    """Return everything that is partly applied, or that of one revision; often nothing."""
    if not inspect(connection).has_table(JOURNAL.name):
        return []
    there = {column["name"] for column in inspect(connection).get_columns(JOURNAL.name)}
    query = select(*(JOURNAL.c[name] for name in NAMES if name in there))
    query = query.order_by(JOURNAL.c.direction, JOURNAL.c.number)
    if revision is not None:
        query = query.where(JOURNAL.c.revision == revision)
    return [Entry(**row) for row in connection.execute(query).mappings()]


def write(connection: Connection, rows: Sequence[Entry]) -> None:
    """Write rows on the migration's own connection, whatever transaction it is in."""
    now = datetime.now(UTC).replace(tzinfo=None)
    cursor = connection.connection.cursor()
    try:
        cursor.executemany(INSERT, [(*asdict(row).values(), now) for row in rows])
    finally:
        cursor.close()


def settle(connection: Connection, done: Entry) -> bool:
    """Say in its row how a statement has ended; return whether there is one."""
    cursor = connection.connection.cursor()
    try:
        outcome = (done.state, done.row_count, done.output)
        cursor.execute(SETTLE + ONE, (*outcome, *key(done)))
        return bool(cursor.rowcount)
    finally:
        cursor.close()


def forget(connection: Connection, entry: Entry) -> None:
    """Delete one row."""
    raw(connection, FORGET_ONE, *key(entry))


def forget_revision(connection: Connection, revision: str) -> None:
    """Delete all rows of a revision."""
    raw(connection, FORGET, revision)


def key(entry: Entry) -> tuple[object, ...]:
    """Return what picks its row."""
    return entry.revision, entry.direction, entry.number
