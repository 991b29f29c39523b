"""The databases of the tests: made by the migrations for one run, and never a developer's own.

`TEST_DATABASE_URL` names a server (`postgresql://postgres@127.0.0.1/postgres`); without it the
tests run on SQLite. Each worker of a parallel run has a database of its own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

from alembic import command
from sqlalchemy import Connection, delete, event, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session

from app.core.database import Base, Database, Found, ReadConnection, WriteSession
from app.core.engines import writing_engine
from migrate.engine import make_engine, reading
from migrate.project import alembic_config
from tests.things.models import OfTests


@contextmanager
def empty_database(folder: Path) -> Iterator[str]:
    """Make a new database, yield its URL, and drop it."""
    server = os.environ.get("TEST_DATABASE_URL", "")
    if not server:
        yield f"sqlite:///{folder / f'test_{uuid4().hex}.db'}"
        return
    name = f"test_{uuid4().hex}"
    with reading(make_engine(server)) as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(text(f"DROP DATABASE {name}"))


@contextmanager
def migrated_database(folder: Path) -> Iterator[str]:
    """Make a database, build it by the migrations, yield its URL, and drop it.

    It has the table of `tests.things` too.
    """
    with empty_database(folder) as url:
        command.upgrade(alembic_config(url), "head")
        OfTests.metadata.create_all(make_engine(url))
        yield url


class ReadInside(ReadConnection):
    """Reads in the transaction of one connection, in turn with all who use it."""

    def __init__(self, connection: AsyncConnection, alone: asyncio.Lock) -> None:
        self._turns = alone
        self._connection = connection.sync_connection

    def _on_connection(self, work: Callable[[Connection], Found]) -> Found:
        assert self._connection is not None
        return work(self._connection)


class RolledBack(Database):
    """A database on one connection, whose every commit ends in a transaction that never does."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._alone = asyncio.Lock()
        self.reads = ReadInside(connection, self._alone)

    @asynccontextmanager
    async def writes(self) -> AsyncIterator[WriteSession]:
        session = AsyncSession(
            self._connection, join_transaction_mode="create_savepoint", expire_on_commit=False
        )
        async with self._alone, session, session.begin():
            yield WriteSession(session)

    async def close(self) -> None:
        """Leave the connection to the test."""


@asynccontextmanager
async def rolled_back(url: str) -> AsyncIterator[Database]:
    """Yield the database at `url`; nothing that is done to it stays."""
    engine = writing_engine(url)
    async with engine.connect() as connection:
        await connection.begin()
        yield RolledBack(connection)
        await connection.rollback()
    await engine.dispose()


@asynccontextmanager
async def emptied_after(url: str) -> AsyncIterator[Database]:
    """Yield the database at `url` with its real commits; every row is deleted afterwards."""
    database = Database(url)
    yield database
    async with database.writes() as session:
        for metadata in (OfTests.metadata, Base.metadata):
            for table in reversed(metadata.sorted_tables):
                await session.execute(delete(table))
    await database.close()


@contextmanager
def lost_in_commit() -> Iterator[None]:
    """Let every commit fail before the database has answered."""

    def fail(_: Session) -> None:
        raise OSError("the network is down")

    event.listen(Session, "before_commit", fail)
    yield
    event.remove(Session, "before_commit", fail)
