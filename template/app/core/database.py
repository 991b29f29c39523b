"""The two ways to the data: reads outside any transaction, writes inside exactly one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NewType
from uuid import UUID

from sqlalchemy import DateTime, Dialect, MetaData, TypeDecorator, Uuid, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry

ReadConnection = NewType("ReadConnection", AsyncConnection)
WriteSession = NewType("WriteSession", AsyncSession)

SQLITE_PRAGMAS = (
    "busy_timeout=5000",
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
)
ASYNC_DRIVERS = {"sqlite": "sqlite+aiosqlite"}

# Names for what Alembic must be able to drop by name, on every database.
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: stored in UTC, aware in Python, also where the database knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse a naive value; bind the instant in UTC."""
        if value is not None and value.tzinfo is None:
            message = f"{value!r} has no time zone"
            raise ValueError(message)
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the instant, aware."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Base(DeclarativeBase):
    """The base of every mapped table."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {datetime: UtcDateTime, UUID: Uuid()}  # noqa: RUF012 - SQLAlchemy's own form


class UnsupportedDatabase(ValueError):
    """DATABASE_URL names a database that this project has no driver for."""


def async_url(url: str) -> str:
    """Return `url` with the asynchronous driver of its database."""
    parsed = make_url(url)
    name = parsed.get_backend_name()
    if name not in ASYNC_DRIVERS:
        message = f"DATABASE_URL starts with {name!r}; known are: {', '.join(ASYNC_DRIVERS)}"
        raise UnsupportedDatabase(message)
    return parsed.set(drivername=ASYNC_DRIVERS[name]).render_as_string(hide_password=False)


class Database:
    """One database, two pools: `reads()` in autocommit, `writes()` one transaction each."""

    def __init__(self, url: str) -> None:
        """Prepare the pools; nothing is connected yet."""
        self._reader = create_async_engine(async_url(url), isolation_level="AUTOCOMMIT")
        # SQLite has one writer at a time: waiting in the pool is fair, waiting in SQLite is a poll.
        self._writer = create_async_engine(async_url(url), pool_size=1, max_overflow=0)
        _configure_sqlite(self._reader)
        _configure_sqlite(self._writer)
        _begin_immediately(self._writer)
        self._sessions = async_sessionmaker(self._writer, expire_on_commit=False)

    @asynccontextmanager
    async def reads(self) -> AsyncIterator[ReadConnection]:
        """Yield a connection on which every statement sees what is committed by then."""
        async with self._reader.connect() as connection:
            yield ReadConnection(connection)

    @asynccontextmanager
    async def writes(self) -> AsyncIterator[WriteSession]:
        """Yield the session of one transaction: committed at the end, rolled back on any error."""
        async with self._sessions.begin() as session:
            yield WriteSession(session)

    async def close(self) -> None:
        """Close every connection."""
        await self._reader.dispose()
        await self._writer.dispose()


def _configure_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # Our own BEGIN, not the driver's guess: only then is DDL transactional and BEGIN immediate.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in SQLITE_PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def _begin_immediately(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:  # noqa: ANN401 - the event's own signature
        # A deferred BEGIN fails when its first write meets another writer; this one waits instead.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
