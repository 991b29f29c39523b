"""The engine of migrations: one connection, its transactions real, its waits for locks short.

Migrations use the databases' synchronous drivers, whatever the app uses, and never its pools.
"""

# Managed by the template: your own are env.py and versions/, and an update merges any other change.
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from migrate.errors import MigrationFailed

NO_URL = (
    "DATABASE_URL is no URL such as postgresql://user:password@host:5432/name"
    " (special characters of a password are written as %40)"
)
DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
# A migration that waits for a lock makes everybody behind it wait too: it gives up first.
LOCK_TIMEOUT = 5.0
SESSION = {
    # A batch recreates its table: with foreign keys on, every row that refers to it would go.
    "sqlite": ("PRAGMA foreign_keys=OFF", "PRAGMA busy_timeout={ms}"),
    "postgresql": ("SET lock_timeout={ms}", "SET application_name='migrate'"),
    "mysql": ("SET lock_wait_timeout={s}, innodb_lock_wait_timeout={s}",),
}
SESSION["mariadb"] = SESSION["mysql"]
# The option of a URL that leads through PgBouncer, where no prepared statement stays.
POOLER = "pgbouncer"
BEGIN, AUTOCOMMIT = "BEGIN IMMEDIATE", "AUTOCOMMIT"


def make_engine(url: str, lock_timeout: float = LOCK_TIMEOUT) -> Engine:
    """Return an engine on which every revision runs in a transaction that begins where we say."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise MigrationFailed(NO_URL) from None  # which may hold a password
    kind = parsed.get_backend_name()
    engine = _engine(parsed, kind)
    times = {"ms": int(lock_timeout * 1000), "s": max(1, int(lock_timeout))}

    @event.listens_for(engine, "connect")
    def _connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # On the driver's own connection: nothing here may begin a transaction of SQLAlchemy's.
        if kind == "sqlite":
            connection.isolation_level = None  # our own BEGIN: only then is DDL transactional
        if kind == "postgresql" and is_pooled(connection):
            return  # no setting of ours may stay in a session that the application gets next
        cursor = connection.cursor()
        for statement in SESSION[kind]:
            cursor.execute(statement.format(**times))
        cursor.close()
        connection.commit()

    if kind == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "begin", _begin_immediately)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Connect to look: in no transaction, which would wait for who writes."""
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level=AUTOCOMMIT)


def _engine(url: URL, kind: str) -> Engine:
    if kind not in DRIVERS:
        raise MigrationFailed(f"DATABASE_URL starts with {kind!r}; known are: {', '.join(DRIVERS)}")
    try:
        engine = create_engine(
            url.set(drivername=DRIVERS[kind]).difference_update_query([POOLER]),
            poolclass=NullPool,
            connect_args={"prepare_threshold": None} if POOLER in url.query else {},
        )
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


def is_pooled(connection: DBAPIConnection) -> bool:
    """Say whether a pooler (PgBouncer) stands between: another session answers than greeted."""
    driver: Any = connection
    cursor = driver.cursor()
    cursor.execute("SELECT pg_backend_pid()")
    (pid,) = cursor.fetchone()
    cursor.close()
    driver.rollback()
    return bool(pid != driver.info.backend_pid)


def raw(connection: Connection, sql: str, *parameters: object) -> tuple[object, ...]:
    """Run a statement beside SQLAlchemy's transactions; return the first row, or nothing."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql, parameters)
        row = cursor.fetchone() if cursor.description else None
        return tuple(row) if row is not None else ()
    finally:
        cursor.close()


def is_autocommit(connection: Connection) -> bool:
    """Say whether every statement commits itself, as inside `autocommit_block()`."""
    return connection.get_execution_options().get("isolation_level") == AUTOCOMMIT


def _begin_immediately(connection: Connection) -> None:
    if not is_autocommit(connection):
        connection.exec_driver_sql(BEGIN)
