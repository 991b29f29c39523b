"""The two ways to the data: reads outside any transaction, writes inside exactly one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import NewType
from uuid import UUID

from sqlalchemy import DateTime, Dialect, LargeBinary, MetaData, String, TypeDecorator, Uuid
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase

from app.core.engines import reading_engine, turns_of, writing_engine

ReadConnection = NewType("ReadConnection", AsyncConnection)
WriteSession = NewType("WriteSession", AsyncSession)

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
# Text that is compared by its code points everywhere, whatever the language of the server.
SORT_KEY = (
    String(100)
    .with_variant(String(100, collation="C"), "postgresql")
    .with_variant(String(100, collation="utf8mb4_bin"), "mysql", "mariadb")
)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: stored in UTC, aware in Python, also where the database knows no time zones."""

    impl = INSTANT
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
    type_annotation_map = {datetime: UtcDateTime, UUID: Uuid(), bytes: BLOB}  # noqa: RUF012 - SQLAlchemy's own form


class Database:
    """One database, two pools: `reads()` in autocommit, `writes()` one transaction each."""

    def __init__(self, url: str) -> None:
        """Prepare the pools; nothing is connected yet."""
        self._reader = reading_engine(url)
        self._writer = writing_engine(url)
        self._sessions = async_sessionmaker(self._writer, expire_on_commit=False)
        self._reading, self._writing = turns_of(self._reader), turns_of(self._writer)

    @asynccontextmanager
    async def reads(self) -> AsyncIterator[ReadConnection]:
        """Yield a connection on which every statement sees what is committed by then."""
        async with self._reading, self._reader.connect() as connection:
            yield ReadConnection(connection)

    @asynccontextmanager
    async def writes(self) -> AsyncIterator[WriteSession]:
        """Yield the session of one transaction: committed at the end, rolled back on any error."""
        async with self._writing, self._sessions.begin() as session:
            yield WriteSession(session)

    async def close(self) -> None:
        """Close every connection."""
        await self._reader.dispose()
        await self._writer.dispose()
