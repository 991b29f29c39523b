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
from urllib.parse import urlencode

from sqlalchemy import URL, Connection, Dialect, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidRequestError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.util import await_only, greenlet_spawn

from app.settings import UnusableSettings

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
# Options of libpq that asyncpg reads too, from an address of its own.
LIBPQ = (
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "ssl_min_protocol_version"),
    *("target_session_attrs", "application_name"),
)
# The option of a URL that leads through PgBouncer in transaction mode.
POOLER = "pgbouncer"
# There each transaction has another session of the server: no prepared statement outlives it, and
# nothing is asked for at the start of one.
THROUGH_POOLER: Options = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": str,  # which makes no name: ""
}
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


class UnsupportedDatabase(UnusableSettings):
    """DATABASE_URL names a database that this project has no driver for, or has no such option."""


@dataclass(frozen=True)
class Kind:
    """One kind of database: its driver, and what its engines are created with."""

    driver: str
    # What the app and its migrations need installed.
    packages: tuple[str, ...]
    # What may stand behind the `?` of a URL: what the driver of the migrations knows too.
    options: tuple[str, ...]
    common: Options = field(default_factory=dict)
    writing: Options = field(default_factory=dict)


KINDS = {
    "sqlite": Kind(
        "sqlite+aiosqlite",
        ("aiosqlite",),
        ("timeout",),
        {"pool_size": 5, "max_overflow": 0},
        # One writer at a time: waiting in the pool is fair, waiting inside SQLite is a poll.
        writing={"pool_size": 1, "max_overflow": 0},
    ),
    "postgresql": Kind(
        "postgresql+asyncpg",
        ("asyncpg", "psycopg[binary]"),
        ("host", "port", POOLER, *LIBPQ),
        SERVER_POOL | {"connect_args": {"server_settings": {"jit": "off"}}},
    ),
    "mysql": Kind(
        "mysql+asyncmy",
        ("asyncmy", "pymysql"),
        ("charset", "unix_socket", "ssl_ca", "ssl_cert", "ssl_key", "ssl_check_hostname"),
        SERVER_POOL | {"connect_args": {"charset": "utf8mb4"}},
        # InnoDB's default locks gaps between rows, where concurrent jobs would deadlock.
        writing={"isolation_level": "READ COMMITTED"},
    ),
}
KINDS["mariadb"] = KINDS["mysql"]


def reading_engine(url: str, wait: timedelta = LONGEST_WAIT) -> AsyncEngine:
    """Return an engine whose connections are never in a transaction, so none needs to be ended.

    Through a pooler each statement has its own: preparing and executing it are two messages.
    """
    parsed, kind = _kind_of(url)
    autocommit = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
    alone = {} if _is_pooled(parsed) else autocommit
    return _engine(parsed, kind, kind.common | alone, wait)


def writing_engine(url: str, wait: timedelta = LONGEST_WAIT) -> AsyncEngine:
    parsed, kind = _kind_of(url)
    engine = _engine(parsed, kind, kind.common | kind.writing, wait)
    if kind is KINDS["sqlite"]:
        _begin_immediately(engine)
    return engine


def _engine(url: URL, kind: Kind, options: Options, wait: timedelta) -> AsyncEngine:
    url, options = _with_libpq(*_through_pooler(url.set(drivername=kind.driver), options))
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


def _is_pooled(url: URL) -> bool:
    said = url.query.get(POOLER, "false")
    if said not in ("true", "false"):
        raise UnsupportedDatabase(f"DATABASE_URL has {POOLER}={said}; it may be true or false")
    return said == "true"


def _through_pooler(url: URL, options: Options) -> tuple[URL, Options]:
    if _is_pooled(url):
        options = options | {"connect_args": THROUGH_POOLER}
    return url.difference_update_query([POOLER]), options


def _with_libpq(url: URL, options: Options) -> tuple[URL, Options]:
    """Hand libpq's options over to asyncpg as it reads them; SQLAlchemy would as arguments."""
    given = {name: value for name, value in url.query.items() if name in LIBPQ}
    if not given:
        return url, options
    arguments = options["connect_args"] | {"dsn": f"postgresql://?{urlencode(given)}"}
    return url.difference_update_query(given), options | {"connect_args": arguments}


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
    if name == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise UnsupportedDatabase("DATABASE_URL names no file: sqlite:///var/app.db")
    kind = KINDS[name]
    if unknown := sorted(parsed.query.keys() - set(kind.options)):
        message = f"DATABASE_URL has the option {unknown[0]!r}; of {name} it may have: "
        raise UnsupportedDatabase(message + ", ".join(kind.options))
    return parsed, kind


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
