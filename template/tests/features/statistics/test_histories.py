"""Whatever happens to a table, in whatever order: what is read of it is what is in it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from app.core.database import Database
from app.features.statistics.reading import Asked, read
from app.features.statistics.rollup import recount, roll_up
from tests.features.statistics.sales import SALES, SOLD, SOURCE, ZONES, truth

# Days that one of the zones has shortened, or left out altogether.
STARTS = (datetime(2026, 3, 4, tzinfo=UTC), datetime(2011, 12, 26, tzinfo=UTC))
DAYS = 9
STEPS = 60


class History:
    """A table, what is known to be in it, and what may happen next."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.at_random = random.Random(seed)  # noqa: S311 - to be repeated
        self.start = STARTS[seed % 2]
        self.zone = self.at_random.choice(ZONES)
        self.ids = itertools.count()
        self.sales: dict[int, dict[str, Any]] = {}

    def instant(self) -> datetime:
        # Often exactly where a day begins, in one zone or the other.
        step = self.at_random.choice([timedelta(minutes=30), timedelta(microseconds=1)])
        hours = timedelta(hours=self.at_random.randrange(DAYS * 24))
        return self.start + hours + step * self.at_random.randrange(2)

    def fields(self) -> dict[str, Any]:
        pick = self.at_random.choice
        return {
            "sold_at": pick([None, *[self.instant() for _ in range(9)]]),
            "shop": pick(["north", "North", "süd", None]),
            "express": pick([True, False]),
            "pieces": pick([None, 0, -3, 7, 2**40]),
        }

    async def sell(self) -> None:
        rows = [
            {"id": next(self.ids), "note": "", **self.fields()}
            for _ in range(self.at_random.randint(1, 5))
        ]
        async with self.database.writes() as session:
            await session.execute(insert(SALES), rows)
        self.sales |= {row["id"]: row for row in rows}

    async def change(self) -> None:
        changed = dict(self.at_random.sample(list(self.fields().items()), 2))
        if self.sales:
            key = self.at_random.choice(list(self.sales))
            async with self.database.writes() as session:
                await session.execute(update(SALES).where(SALES.c.id == key).values(**changed))
            self.sales[key] |= changed

    async def return_some(self) -> None:
        gone = [key for key in self.sales if self.at_random.random() < 0.2]
        async with self.database.writes() as session:
            await session.execute(delete(SALES).where(SALES.c.id.in_(gone)))
        self.sales = {key: row for key, row in self.sales.items() if key not in gone}

    async def roll_up(self) -> None:
        now = self.start + timedelta(days=self.at_random.randint(1, DAYS + 3))
        for _ in range(self.at_random.choice([1, 2, 3, 100])):
            if not await roll_up(self.database, SOURCE, self.zone, now):
                break

    async def recount(self) -> None:
        begin, end = sorted((self.day(), self.day()))
        while (done := await recount(self.database, SOURCE, self.zone, begin, end)) is not None:
            begin = done + timedelta(days=1)

    async def move(self) -> None:
        self.zone = self.at_random.choice(ZONES)

    def day(self) -> date:
        return (self.start + timedelta(days=self.at_random.randint(-2, DAYS + 2))).date()

    async def compare(self) -> None:
        first, last = sorted((self.day(), self.day()))
        asked = Asked(first, last, self.at_random.choice(["day", "month", "total"]), self.zone)
        found = await read(self.database.reads, SOURCE, SOLD, asked, {})
        assert found == truth(self.sales.values(), asked)


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_read_is_what_is_there(database: Database, seed: int) -> None:
    history = History(database, seed)
    often: list[Callable[[], Awaitable[None]]] = [history.sell, history.change, history.roll_up]
    seldom = [history.return_some, history.recount, history.move]
    for _ in range(STEPS):
        await history.at_random.choice([*often * 4, *seldom])()
        await history.compare()
