"""The two ways to the data: reads outside any transaction, writes inside exactly one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NewType, TypeVar, TypeVarTuple, cast, overload
from uuid import UUID

from sqlalchemy import (
    Connection,
    CursorResult,
    DateTime,
    Dialect,
    Executable,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    Uuid,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.sql.selectable import TypedReturnsRows
from sqlalchemy.util import greenlet_spawn

from app.core.engines import (
    LONGEST_WAIT,
    before_commit,
    during_commit,
    fair_semaphore,
    reading_engine,
    writing_engine,
)
from app.core.prepared import Prepared, Values

WriteSession = NewType("WriteSession", AsyncSession)
Found = TypeVar("Found")
Row = TypeVarTuple("Row")
AnyRow = tuple[Any, ...]

# Names for what Alembic must be able to drop by name, on every database.
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


# MySQL cuts an instant to the second unless told otherwise.
INSTANT = DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
# And its plain BLOB ends at 64 KiB.
BLOB = LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")


def exact(length: int) -> String:
    """Return the type of text that is found, unique and sorted by its code points everywhere.

    Any other text is as the server is set up: MySQL takes `a`, `A` and `á` for one.
    """
    return (
        String(length)
        .with_variant(String(length, collation="C"), "postgresql")
        .with_variant(String(length, collation="utf8mb4_bin"), "mysql", "mariadb")
    )


SORT_KEY = exact(100)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: stored in UTC, aware in Python, also where the database knows no time zones."""

    impl = INSTANT
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Return what makes instants of what a driver gives; those of PostgreSQL are some."""
        return None if dialect.name == "postgresql" else super().result_processor(dialect, coltype)


class Base(DeclarativeBase):
    """The base of every mapped table."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    # SQLAlchemy's own form.
    type_annotation_map = {datetime: UtcDateTime, UUID: Uuid(), bytes: BLOB}  # noqa: RUF012


def table_of(model: type[Base]) -> Table:
    """Return the table of a model, for statements without the ORM: they cost half as much."""
    return cast("Table", model.__table__)


class ReadConnection:
    """Reads outside any transaction: every statement sees what is committed by then.

    Each has a connection for as long as it runs, so whoever thinks between two of them keeps none
    from others.
    """

    def __init__(self, engine: AsyncEngine, turns: AbstractAsyncContextManager[None]) -> None:
        """Take connections of `engine`, which commits by itself, one in each turn."""
        self._engine = engine.sync_engine
        self._turns = turns

    @overload
    async def execute(
        self, statement: TypedReturnsRows[*Row], values: Values | None = None
    ) -> CursorResult[*Row]: ...

    @overload
    async def execute(
        self, statement: Executable, values: Values | None = None
    ) -> CursorResult[*AnyRow]: ...

    async def execute(
        self, statement: Executable, values: Values | None = None
    ) -> CursorResult[*AnyRow]:
        """Run a statement; its rows are here when this returns. Raises DatabaseUnavailable."""
        return await self._run(lambda connection: connection.execute(statement, values))

    async def rows(self, prepared: Prepared, values: Values) -> Sequence[Any]:
        """Return the rows of what is read often. Raises DatabaseUnavailable."""
        return await self._run(lambda connection: prepared.rows(connection, values))

    async def first(self, prepared: Prepared, values: Values) -> Any | None:  # noqa: ANN401
        """Return the first row, or None where there is none. Raises DatabaseUnavailable."""
        rows = await self.rows(prepared, values)
        return rows[0] if rows else None

    async def _run(self, work: Callable[[Connection], Found]) -> Found:
        async with self._turns:
            # One step into SQLAlchemy instead of three: connect, execute, give back.
            return await greenlet_spawn(self._on_connection, work)

    def _on_connection(self, work: Callable[[Connection], Found]) -> Found:
        with before_commit(), self._engine.connect() as connection:
            return work(connection)


def _commit(session: Session) -> None:
    with before_commit():
        session.flush()
    with during_commit():
        session.commit()


class Database:
    """One database, two pools: `reads` in autocommit, `writes()` one transaction each."""

    def __init__(self, url: str, wait: timedelta = LONGEST_WAIT) -> None:
        """Prepare the pools; nothing is connected yet. A connection is waited for up to `wait`."""
        self._reader = reading_engine(url, wait)
        self._writer = writing_engine(url, wait)
        self.reads = ReadConnection(self._reader, fair_semaphore(self._reader, wait))
        self._sessions = async_sessionmaker(self._writer, expire_on_commit=False)
        self._writing = fair_semaphore(self._writer, wait)

    @asynccontextmanager
    async def writes(self) -> AsyncIterator[WriteSession]:
        """Yield the session of one transaction: committed at the end, rolled back on any error.

        Raises DatabaseUnavailable when nothing was stored for want of a connection, and
        CommitOutcomeUnknown when that is not known.
        """
        session = self._sessions()
        async with self._writing:
            try:
                with before_commit():
                    yield WriteSession(session)
                await greenlet_spawn(_commit, session.sync_session)
            except BaseException:
                # Also where this task was cancelled: nobody else would roll back.
                await asyncio.shield(session.close())
                raise

    async def close(self) -> None:
        await self._reader.dispose()
        await self._writer.dispose()
