"""What is dumped is what the database has, whatever a mapped type makes of it."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    JSON,
    Column,
    Computed,
    Date,
    Dialect,
    Enum,
    Float,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Time,
    TypeDecorator,
    Uuid,
    delete,
    insert,
    null,
    select,
)

from app.core import parquet
from app.core.database import BLOB, Database, UtcDateTime
from app.features.periods import preflight
from app.features.periods.stored import Digest, Stored


class Colour(enum.StrEnum):
    RED = "red"


class Whispered(TypeDecorator[str]):
    """What is stored is nothing that the mapped code ever sees."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else f"({value})"

    def process_result_value(
        self,
        value: str | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> str | None:
        return None if value is None else value[1:-1]


KINDS = Table(
    "kinds_stored",
    MetaData(),
    Column("id", Uuid(), primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("json", JSON),
    Column("sealed", Whispered(40)),
    Column("at", UtcDateTime),
    Column("amount", Numeric(20, 4)),
    Column("share", Float),
    Column("colour", Enum(Colour)),
    Column("bytes", BLOB),
    Column("day", Date),
    Column("hour", Time),
    Column("double", Integer, Computed("part * 2", persisted=True)),
)
STORED = Stored(KINDS)


def kind(number: int, **values: object) -> dict[str, Any]:
    nothing = dict.fromkeys(each.name for each in KINDS.columns if each.name != "double")
    return {**nothing, "id": UUID(int=number % 3), "part": number, **values}


@pytest.fixture
async def rows(committing: Database) -> AsyncIterator[Database]:
    """A table of many types, with rows."""
    async with committing.writes() as session:
        await (await session.connection()).run_sync(KINDS.create)
    whole = {
        "json": {"b": [1, None, 0.5], "a": "測試"},
        "sealed": "secret",
        "at": datetime(2025, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        "amount": Decimal("1234567890123456.7800"),
        "share": 0.1,
        "colour": Colour.RED,
        "bytes": b"\x00\xff",
        "day": date(2025, 1, 2),
        "hour": time(3, 4, 5),
    }
    async with committing.writes() as session:
        some = [
            kind(1, **whole),
            kind(2, json=null()),
            kind(3, json=JSON.NULL),
            kind(4, json=[], share=-0.0),
        ]
        for each in some:
            await session.execute(insert(KINDS), each)
    yield committing
    async with committing.writes() as session:
        await (await session.connection()).run_sync(KINDS.drop)


async def found(database: Database) -> list[tuple[Any, ...]]:
    return STORED.rows((await database.reads.execute(STORED.select())).all())


def digest_of(rows: list[tuple[Any, ...]]) -> str:
    digest = Digest()
    digest.add(rows)
    return digest.text


async def test_rows_are_the_same_in_a_file_and_when_they_are_back(
    rows: Database, tmp_path: Path
) -> None:
    before = await found(rows)
    mapped = (await rows.reads.execute(select(KINDS).order_by(*KINDS.primary_key))).all()
    path = tmp_path / "kinds.parquet"
    with parquet.written(path, STORED.columns) as write:
        write(before)
    read = [row for batch in parquet.read(path, STORED.columns) for row in batch]
    assert digest_of(read) == digest_of(before)
    names = [each.name for each in STORED.columns]
    assert "double" not in names
    assert {row[names.index("sealed")] for row in read} == {"(secret)", None}
    assert {row[names.index("json")] for row in read if row[1] > 1} == {"null", "[]", None}
    async with rows.writes() as session:
        await session.execute(delete(KINDS))
        await session.execute(STORED.insert, STORED.values(read))
    assert await found(rows) == before
    assert (await rows.reads.execute(select(KINDS).order_by(*KINDS.primary_key))).all() == mapped


async def test_rows_are_found_by_all_of_their_key(rows: Database) -> None:
    some = (await found(rows))[:2]
    wanted = STORED.select().where(STORED.among(some))
    assert STORED.rows((await rows.reads.execute(wanted)).all()) == some


async def test_imports_that_will_write_are_waited_for(committing: Database) -> None:
    table = Table("imports_of_test", MetaData(), Column("state", String(10)))
    async with committing.writes() as session:
        await (await session.connection()).run_sync(table.create)
    async with committing.writes() as session:
        states = ["receiving", "queued", "writing", "done"]
        await session.execute(insert(table), [{"state": each} for each in states])
    assert await preflight.imports(committing, table) == ["2 imports have not ended"]
    assert await preflight.imports(committing, None) == []
    async with committing.writes() as session:
        await (await session.connection()).run_sync(table.drop)
