"""One moment of the database: whatever is read of it, and however long, is what was then committed.

    async with snapshot(settings.database_url) as moment:
        async for rows in moment.batches(select(*table.c)):
            ...

Batches come as they are asked for, so that memory holds one. Nobody waits for a snapshot and it
waits for nobody; it has a connection of its own, outside the pools of the process.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Executable, Row
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.engines import before_commit, reading_engine
from app.core.prepared import Values

BATCH = 1000
# A moment begins with its first read, unless the statement says that it is now.
_MYSQL = (
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    # While a batch is worked on the server waits to send the next one: seconds.
    "SET SESSION net_write_timeout = 3600",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)
_BEGIN = {
    "sqlite": ("BEGIN", "SELECT 1 FROM sqlite_master LIMIT 1"),
    "postgresql": ("SELECT 1",),
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
}
# SQLAlchemy begins it there, also where a pooler stands between; elsewhere we do.
_OPTIONS = {"postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}}


class Snapshot:
    """The database at one moment."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def batches(
        self, statement: Executable, values: Values | None = None, size: int = BATCH
    ) -> AsyncGenerator[Sequence[Row[Any]], None]:
        """Yield what a statement finds, `size` rows at a time; one statement after another.

        Whoever leaves early closes it (`contextlib.aclosing`) before the next statement.
        """
        streaming = self._connection.stream(
            statement, values, execution_options={"yield_per": size}
        )
        with before_commit():
            async with streaming as result:
                async for rows in result.partitions():
                    yield rows


@asynccontextmanager
async def snapshot(url: str) -> AsyncIterator[Snapshot]:
    """Yield the database at `url` as it is now; raises DatabaseUnavailable."""
    engine = reading_engine(url)
    try:
        with before_commit():
            async with engine.connect() as connection:
                options = _OPTIONS.get(engine.dialect.name, {})
                await connection.execution_options(**options)
                for statement in _BEGIN[engine.dialect.name]:
                    await connection.exec_driver_sql(statement)
                try:
                    yield Snapshot(connection)
                finally:
                    if options:
                        await connection.rollback()
                    else:
                        await connection.exec_driver_sql("ROLLBACK")
    finally:
        await engine.dispose()
