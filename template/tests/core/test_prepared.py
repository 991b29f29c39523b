"""What is prepared gives what SQLAlchemy gives: the same values, of the same types."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from uuid import UUID, uuid4

import pytest
from pydantic import JsonValue
from sqlalchemy import (
    JSON,
    Float,
    Numeric,
    String,
    Text,
    bindparam,
    column,
    insert,
    literal,
    select,
    table,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Database
from app.core.prepared import Prepared
from tests.things.models import OfTests


class Mood(StrEnum):
    """An enumeration of the database, whose values are not its names."""

    GOOD = "in good spirits"
    BAD = "größer"


class Kinds(OfTests):
    """A column of each kind: with a value, and without."""

    __tablename__ = "test_kinds"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    line: Mapped[str | None] = mapped_column(String(100))
    text: Mapped[str | None] = mapped_column(Text)
    whole: Mapped[int | None]
    inexact: Mapped[float | None]
    # SQLite has no decimals.
    exact: Mapped[Decimal | None] = mapped_column(
        Numeric(7, 2).with_variant(Float(asdecimal=True, decimal_return_scale=2), "sqlite")
    )
    truth: Mapped[bool | None]
    day: Mapped[date | None]
    moment: Mapped[datetime | None]
    other: Mapped[UUID | None]
    mood: Mapped[Mood | None]
    data: Mapped[dict[str, JsonValue] | None] = mapped_column(JSON(none_as_null=True))
    bits: Mapped[bytes | None]


TABLE = Kinds.__table__
VALUES: dict[str, object] = {
    "id": uuid4(),
    "line": "Örn",
    "text": "ß\n" * 10_000,
    "whole": -(2**31),
    "inexact": 0.1,
    "exact": Decimal("-12345.60"),
    "truth": True,
    "day": date(2026, 2, 28),
    "moment": datetime(2026, 2, 28, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=5))),
    "other": UUID(int=1),
    "mood": Mood.BAD,
    "data": {"deep": [1, None, "ü"]},
    "bits": bytes(range(256)),
}
# What is not compared: floats are not exact, and JSON and long text have no equality everywhere.
COMPARED = sorted(VALUES.keys() - {"inexact", "exact", "data", "text"})


@pytest.fixture
async def stored(database: Database) -> None:
    """A row with a value of each kind, and one without."""
    async with database.writes() as session:
        await session.execute(insert(Kinds).values(VALUES))
        await session.execute(insert(Kinds).values(id=uuid4()))


def of_types(rows: object) -> list[list[tuple[type, object]]]:
    return [[(type(value), value) for value in row] for row in rows]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("stored")
async def test_each_kind_of_column_comes_as_sqlalchemy_gives_it(database: Database) -> None:
    statement = select(*TABLE.c, literal("x").label("label")).order_by(TABLE.c.line.is_(None))
    prepared = Prepared(statement)
    for _ in range(2):  # as compiled just now, and as kept
        rows = await database.reads.rows(prepared, {})
        assert of_types(rows) == of_types((await database.reads.execute(statement)).all())
    full, empty = rows
    expected = VALUES | {"moment": full.moment, "label": "x"}
    assert {name: getattr(full, name) for name in expected} == expected
    assert full.moment == VALUES["moment"]
    assert full.moment.tzinfo == UTC
    assert [empty.line, empty.exact, empty.moment, empty.mood, empty.data] == [None] * 5


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("name", COMPARED)
async def test_each_kind_of_value_is_compared_as_sqlalchemy_does(
    database: Database, name: str
) -> None:
    one = Prepared(select(TABLE.c.id).where(TABLE.c[name] == bindparam("value")))
    any_of = Prepared(select(TABLE.c.id).where(TABLE.c[name].in_(bindparam("value"))))
    assert await database.reads.rows(one, {"value": VALUES[name]}) == [(VALUES["id"],)]
    assert await database.reads.rows(any_of, {"value": [VALUES[name]]}) == [(VALUES["id"],)]


async def test_a_value_that_is_missing_is_not_null(database: Database) -> None:
    with pytest.raises(KeyError):
        await database.reads.rows(
            Prepared(select(TABLE.c.id).where(TABLE.c.id == bindparam("a"))), {}
        )


async def test_what_the_driver_refuses_is_sqlalchemys_error(database: Database) -> None:
    with pytest.raises(DBAPIError):
        await database.reads.first(
            Prepared(select(column("id")).select_from(table("no_table"))), {}
        )
