"""The engine of migrations: one connection, its transactions real, its waits for locks short.

Migrations use the databases' synchronous drivers, whatever the app uses, and never its pools.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

# A migration that waits for a lock makes everybody behind it wait too: it gives up first.
LOCK_TIMEOUT_SECONDS = 5
DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
# Set on the driver's own connection: nothing here may begin a transaction of SQLAlchemy's.
SETTINGS = {
    "sqlite": (
        f"PRAGMA busy_timeout={LOCK_TIMEOUT_SECONDS * 1000}",
        # A batch operation recreates its table: with foreign keys on, every child row would go.
        "PRAGMA foreign_keys=OFF",
    ),
    "postgresql": (
        f"SET lock_timeout='{LOCK_TIMEOUT_SECONDS}s'",
        "SET application_name='migrate'",
    ),
    "mysql": (
        f"SET SESSION lock_wait_timeout={LOCK_TIMEOUT_SECONDS}",
        f"SET SESSION innodb_lock_wait_timeout={LOCK_TIMEOUT_SECONDS}",
    ),
}
SETTINGS["mariadb"] = SETTINGS["mysql"]


def make_engine(url: str) -> Engine:
    """Return an engine on which every revision runs in a transaction that begins where we say."""
    parsed = make_url(url)
    name = parsed.get_backend_name()
    if name == "sqlite":
        _make_folder(parsed)
    engine = create_engine(parsed.set(drivername=DRIVERS[name]), poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        if name == "sqlite":
            # Our own BEGIN, not the driver's guess: only then is DDL transactional.
            connection.isolation_level = None
        cursor = connection.cursor()
        for statement in SETTINGS[name]:
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    if name == "sqlite":

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _make_folder(url: URL) -> None:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
