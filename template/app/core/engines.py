"""How each kind of database is spoken to: its driver, its pools and the settings of its sessions.

One pool reads in autocommit, the other writes in transactions; together they are what one process
may take of a server's connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import URL, Connection, Dialect, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidRequestError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.util import await_only, greenlet_spawn

Options = dict[str, Any]

# No overflow: it is closed when given back, and opening a connection costs more than a query.
SERVER_POOL: Options = {
    "pool_size": 10,
    "max_overflow": 0,
    "pool_recycle": 1800,
}
NO_URL = (
    "DATABASE_URL is no URL such as postgresql://user:password@host:5432/name"
    " (special characters of a password are written as %40)"
)
# As long as a proxy waits: whoever asks has given up by then.
LONGEST_WAIT = timedelta(seconds=30)
SQLITE_PRAGMAS = (
    "busy_timeout=5000",
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
)


class DatabaseUnavailable(SQLAlchemyError):
    """No connection is to be had, or it was lost before the commit: nothing was changed."""


class CommitOutcomeUnknown(SQLAlchemyError):
    """A commit has ended without an answer: what it was to store may be stored, or not."""


class UnsupportedDatabase(ValueError):
    """DATABASE_URL names a database that this project has no driver for."""


@dataclass(frozen=True)
class Kind:
    """One kind of database: its driver, and what its engines are created with."""

    driver: str
    # What the app and its migrations need installed.
    packages: tuple[str, ...]
    common: Options = field(default_factory=dict)
    writing: Options = field(default_factory=dict)


KINDS = {
    "sqlite": Kind(
        "sqlite+aiosqlite",
        ("aiosqlite",),
        {"pool_size": 5, "max_overflow": 0},
        # One writer at a time: waiting in the pool is fair, waiting inside SQLite is a poll.
        writing={"pool_size": 1, "max_overflow": 0},
    ),
    "postgresql": Kind(
        "postgresql+asyncpg",
        ("asyncpg", "psycopg[binary]"),
        SERVER_POOL | {"connect_args": {"server_settings": {"jit": "off"}}},
    ),
    "mysql": Kind(
        "mysql+asyncmy",
        ("asyncmy", "pymysql"),
        SERVER_POOL | {"connect_args": {"charset": "utf8mb4"}},
        # InnoDB's default locks gaps between rows, where concurrent jobs would deadlock.
        writing={"isolation_level": "READ COMMITTED"},
    ),
}
KINDS["mariadb"] = KINDS["mysql"]


def reading_engine(url: str, wait: timedelta = LONGEST_WAIT) -> AsyncEngine:
    """Return an engine whose connections are never in a transaction, so none needs to be ended."""
    parsed, kind = _kind_of(url)
    autocommit = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
    return _engine(parsed, kind, kind.common | autocommit, wait)


def writing_engine(url: str, wait: timedelta = LONGEST_WAIT) -> AsyncEngine:
    parsed, kind = _kind_of(url)
    engine = _engine(parsed, kind, kind.common | kind.writing, wait)
    if kind is KINDS["sqlite"]:
        _begin_immediately(engine)
    return engine


def _engine(url: URL, kind: Kind, options: Options, wait: timedelta) -> AsyncEngine:
    url = url.set(drivername=kind.driver)
    try:
        # An error's text ends up in logs and in failed jobs: no row's values in it.
        engine = create_async_engine(url, hide_parameters=True, **options)
    except ModuleNotFoundError as error:
        message = f"this project has no {error.name}: add {' and '.join(kind.packages)} to the"
        message += " dependencies in pyproject.toml, then make lock && make up"
        raise UnsupportedDatabase(message) from error
    if kind is KINDS["sqlite"]:
        _configure_sqlite(engine)
    else:
        _connect_within(engine, wait)
    return engine


def _connect_within(engine: AsyncEngine, wait: timedelta) -> None:
    @event.listens_for(engine.sync_engine, "do_connect")
    def _connect(
        dialect: Dialect, _: ConnectionPoolEntry, args: Sequence[Any], options: Options
    ) -> DBAPIConnection:
        connecting = greenlet_spawn(dialect.connect, *args, **options)
        try:
            return await_only(asyncio.wait_for(connecting, wait.total_seconds()))
        except Exception as error:  # each driver has other ones, and asyncpg the system's
            raise DatabaseUnavailable(f"no connection: {error}") from error


class FairSemaphore(asyncio.Semaphore):
    """Whose turn it is to have a connection of a pool: first come, first served.

    A pool lets a newcomer overtake those who wait, so that under load some wait until they fail.
    """

    def __init__(self, number: int, wait: timedelta) -> None:
        super().__init__(number)
        self._wait = wait.total_seconds()

    async def acquire(self) -> Literal[True]:
        """Wait for a turn; raises DatabaseUnavailable when none comes."""
        if not self.locked():
            return await super().acquire()
        try:
            async with asyncio.timeout(self._wait):
                return await super().acquire()
        except TimeoutError:
            raise DatabaseUnavailable(
                "every connection is in use, and none has become free"
            ) from None


def fair_semaphore(engine: AsyncEngine, wait: timedelta) -> FairSemaphore:
    """Return as many turns as the engine's pool has connections."""
    # Every kind has one; for the type checker.
    assert isinstance(engine.pool, QueuePool)  # noqa: S101
    return FairSemaphore(engine.pool.size(), wait)


def _kind_of(url: str) -> tuple[URL, Kind]:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise UnsupportedDatabase(NO_URL) from None  # which may hold a password
    name = parsed.get_backend_name()
    if name not in KINDS:
        message = f"DATABASE_URL starts with {name!r}; known are: {', '.join(KINDS)}"
        raise UnsupportedDatabase(message)
    return parsed, KINDS[name]


def _configure_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # Our own BEGIN, not the driver's guess: only then is DDL transactional.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in SQLITE_PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def _begin_immediately(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        # A deferred BEGIN fails when its first write meets another writer; this one waits instead.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def before_commit() -> Iterator[None]:
    """Tell a lost connection from a statement that has failed."""
    try:
        yield
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise DatabaseUnavailable("the connection was lost") from error


@contextmanager
def during_commit() -> Iterator[None]:
    """Tell a commit that the database has refused from one of which nobody knows."""
    try:
        yield
    except (DBAPIError, InvalidRequestError) as error:
        if not getattr(error, "connection_invalidated", False):
            raise
        raise CommitOutcomeUnknown("the connection was lost during the commit") from error
    except Exception as error:
        raise CommitOutcomeUnknown(f"the commit was interrupted: {error}") from error
