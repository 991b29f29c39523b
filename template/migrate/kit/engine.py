"""The engine of migrations: one connection, its transactions real, its waits for locks short.

Migrations use the databases' synchronous drivers, whatever the app uses, and never its pools.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from migrate.errors import MigrationFailed
from migrate.kit.limits import limit_statements
from migrate.kit.statements import BEGIN, MYSQL

DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}


@dataclass(frozen=True)
class Progress:
    """What has become of one statement of a revision: run, skipped, probed, failed."""

    revision: str
    number: int
    action: str
    detail: str


@dataclass(frozen=True)
class Options:
    """How a run waits, and whom it tells. Seconds; a statement timeout of 0 is none."""

    # A migration that waits for a lock makes everybody behind it wait too: it gives up first.
    lock_timeout: float = 5
    statement_timeout: float = 0
    # How long to wait for another migration of the same database.
    lock_wait: float = 600
    # On MySQL: refuse to change a table in any way that its readers and writers would wait for.
    online_only: bool = False
    tell: Callable[[Progress], None] = lambda _: None


def make_engine(url: str, options: Options | None = None) -> Engine:
    """Return an engine on which every revision runs in a transaction that begins where we say."""
    parsed = make_url(url)
    name = parsed.get_backend_name()
    if name == "sqlite":
        _make_folder(parsed)
    engine = _engine(parsed, name)
    settings = settings_of(name, options or Options())

    @event.listens_for(engine, "connect")
    def _connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # On the driver's own connection: nothing here may begin a transaction of SQLAlchemy's.
        if name == "sqlite":
            # Our own BEGIN, not the driver's guess: only then is DDL transactional.
            connection.isolation_level = None
        cursor = connection.cursor()
        for statement in settings:
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    if name == "sqlite":
        event.listen(engine, "begin", _begin_immediately)
    if name in MYSQL and options is not None and options.statement_timeout:
        limit_statements(engine, options.statement_timeout)
    return engine


def _engine(url: URL, name: str) -> Engine:
    if name not in DRIVERS:
        message = f"DATABASE_URL starts with {name!r}; known are: {', '.join(DRIVERS)}"
        raise MigrationFailed(message)
    try:
        engine = create_engine(url.set(drivername=DRIVERS[name]), poolclass=NullPool)
    except ModuleNotFoundError as error:
        message = f"this project has no {error.name}: add it to the dependencies in pyproject.toml"
        raise MigrationFailed(message) from error

    @event.listens_for(engine, "do_connect")
    def _reach(
        dialect: Dialect, _: ConnectionPoolEntry, words: Sequence[Any], options: dict[str, Any]
    ) -> DBAPIConnection:
        try:
            return dialect.connect(*words, **options)
        except dialect.loaded_dbapi.Error as error:
            message = f"the database does not answer: {error}\nNothing was changed."
            raise MigrationFailed(message) from error

    return engine


def settings_of(name: str, options: Options) -> tuple[str, ...]:
    """Return what each session of that kind of database is told first."""
    milliseconds = int(options.lock_timeout * 1000)
    if name == "sqlite":
        # A batch operation recreates its table: with foreign keys on, every child row would go.
        return (f"PRAGMA busy_timeout={milliseconds}", "PRAGMA foreign_keys=OFF")
    if name == "postgresql":
        return (
            f"SET lock_timeout={milliseconds}",
            f"SET statement_timeout={int(options.statement_timeout * 1000)}",
            "SET application_name='migrate'",
        )
    assert name in MYSQL, name  # noqa: S101 - DRIVERS knows no other
    whole = max(1, int(options.lock_timeout))
    waits = [f"SET SESSION {variable}_wait_timeout={whole}" for variable in ("lock", "innodb_lock")]
    # To MySQL, which does not know the variable, it is a comment: `limit_statements` does it there.
    own = f"/*M! , SESSION max_statement_time={options.statement_timeout} */"
    limit = f"SET @migrating=1 {own}"
    return (*waits, limit) if options.statement_timeout else tuple(waits)


def is_autocommit(connection: Connection) -> bool:
    """Say whether every statement commits itself, as inside `autocommit_block()`."""
    return connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"


def raw(connection: Connection, sql: str, *parameters: object) -> tuple[object, ...]:
    """Run a statement beside SQLAlchemy's transactions; return the first row, or nothing."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql, parameters)
        row = cursor.fetchone() if cursor.description else None
        return tuple(row) if row is not None else ()
    finally:
        cursor.close()


def _begin_immediately(connection: Connection) -> None:
    connection.exec_driver_sql(BEGIN)


def _make_folder(url: URL) -> None:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
