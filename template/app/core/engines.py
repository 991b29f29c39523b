"""How each kind of database is spoken to: its driver, its pools and the settings of its sessions.

One pool reads in autocommit, the other writes in transactions; together they are what one process
may take of a server's connections.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

Options = dict[str, Any]

# No overflow: it is closed when given back, and opening a connection costs more than a query.
SERVER_POOL: Options = {
    "pool_size": 10,
    "max_overflow": 0,
    "pool_recycle": 1800,
}
# As long as a proxy waits: whoever asks has given up by then.
LONGEST_WAIT_SECONDS = 30
SQLITE_PRAGMAS = (
    "busy_timeout=5000",
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
)


class UnsupportedDatabase(ValueError):
    """DATABASE_URL names a database that this project has no driver for."""


@dataclass(frozen=True)
class Kind:
    """One kind of database: its driver, and what its engines are created with."""

    driver: str
    common: Options = field(default_factory=dict)
    writing: Options = field(default_factory=dict)


KINDS = {
    "sqlite": Kind(
        "sqlite+aiosqlite",
        {"pool_size": 5, "max_overflow": 0},
        # One writer at a time: waiting in the pool is fair, waiting inside SQLite is a poll.
        writing={"pool_size": 1, "max_overflow": 0},
    ),
    "postgresql": Kind(
        "postgresql+asyncpg",
        SERVER_POOL | {"connect_args": {"server_settings": {"jit": "off"}}},
    ),
    "mysql": Kind(
        "mysql+asyncmy",
        SERVER_POOL | {"connect_args": {"charset": "utf8mb4"}},
        # InnoDB's default locks gaps between rows, where concurrent jobs would deadlock.
        writing={"isolation_level": "READ COMMITTED"},
    ),
}
KINDS["mariadb"] = KINDS["mysql"]


def reading_engine(url: str) -> AsyncEngine:
    """Return an engine whose connections are never in a transaction, so none needs to be ended."""
    parsed, kind = _kind_of(url)
    engine = create_async_engine(
        parsed.set(drivername=kind.driver),
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        **kind.common,
    )
    if parsed.get_backend_name() == "sqlite":
        _configure_sqlite(engine)
    return engine


def writing_engine(url: str) -> AsyncEngine:
    """Return an engine for transactions."""
    parsed, kind = _kind_of(url)
    options = {**kind.common, **kind.writing}
    # An error's text ends up in logs and in failed jobs: no row's values in it.
    engine = create_async_engine(
        parsed.set(drivername=kind.driver), hide_parameters=True, **options
    )
    if parsed.get_backend_name() == "sqlite":
        _configure_sqlite(engine)
        _begin_immediately(engine)
    return engine


class Turns:
    """Whose turn it is to have a connection of a pool: first come, first served.

    A pool lets a newcomer overtake those who wait, so that under load some wait until they fail.
    """

    def __init__(self, number: int) -> None:
        """Let `number` tasks have a turn at the same time."""
        self._free = asyncio.Semaphore(number)

    async def __aenter__(self) -> None:
        """Wait for a turn; raises TimeoutError when none comes."""
        if self._free.locked():
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                await self._free.acquire()
        else:
            await self._free.acquire()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Pass the turn on."""
        self._free.release()


def turns_of(engine: AsyncEngine) -> Turns:
    """Return as many turns as the engine's pool has connections."""
    assert isinstance(engine.pool, QueuePool)  # noqa: S101 - every kind has one; for the type checker
    return Turns(engine.pool.size())


def _kind_of(url: str) -> tuple[URL, Kind]:
    parsed = make_url(url)
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
