"""The engine of a run: how it waits, whom it tells, and how long a statement may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from migrate import engine as plain
from migrate.engine import LOCK_TIMEOUT, is_autocommit
from migrate.kit.limits import limit_statements

__all__ = ["Options", "Progress", "is_autocommit", "make_engine"]

STATEMENT_TIMEOUT = {
    "postgresql": "SET statement_timeout={ms}",
    # To MySQL, which does not know the variable, it is a comment: `limit_statements` does it there.
    "mysql": "SET @migrating=1 /*M! , SESSION max_statement_time={s} */",
}
STATEMENT_TIMEOUT["mariadb"] = STATEMENT_TIMEOUT["mysql"]


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

    lock_timeout: float = LOCK_TIMEOUT
    statement_timeout: float = 0
    # How long to wait for another migration of the same database.
    lock_wait: float = 600
    # On MySQL: refuse to change a table in any way that its readers and writers would wait for.
    online_only: bool = False
    tell: Callable[[Progress], None] = lambda _: None
    # Set when the jobs do not stay paused: the migration stops before its next statement.
    stopped: Event = field(default_factory=Event)


def make_engine(url: str, options: Options | None = None) -> Engine:
    """Return the engine of every migration, with the limits of this run."""
    told = options or Options()
    engine = plain.make_engine(url, told.lock_timeout)
    if told.statement_timeout and engine.dialect.name in STATEMENT_TIMEOUT:
        _limit(engine, told.statement_timeout)
    return engine


def _limit(engine: Engine, seconds: float) -> None:
    statement = STATEMENT_TIMEOUT[engine.dialect.name].format(ms=int(seconds * 1000), s=seconds)

    @event.listens_for(engine, "connect")
    def _connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.close()
        connection.commit()

    if engine.dialect.name != "postgresql":
        limit_statements(engine, seconds)
