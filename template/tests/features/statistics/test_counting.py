"""What is kept is what a direct query gives, whatever happens in between."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, func, select, text, update

from app.core.business_days import begin_of, day_of, end_of
from app.core.database import Database
from app.features.statistics import counting, reading, triggers
from app.features.statistics.declared import Cell, Numbers
from app.features.statistics.models import DAILY, MARKS, STANDINGS
from app.features.statistics.reading import Wanted
from app.modules.profiles.statistics import CREATED
from tests.features.statistics.conftest import PROFILES, TODAY, ZONE, add, at, direct, row

DAYS = counting.days_of(date(2026, 3, 1), date(2026, 4, 15))


async def read(database: Database) -> dict[Cell, Numbers]:
    wanted = Wanted(CREATED.name, DAYS[0], DAYS[-1], "day", ZONE.key)
    found = await reading.read(database.reads, wanted)
    return {(each.day, tuple(each.dimensions)): each.numbers for each in found}


async def same(database: Database) -> None:
    assert await read(database) == await direct(database, DAYS)


async def run(database: Database, statements: list[str]) -> None:
    async with database.writes() as session:
        for each in statements:
            await session.execute(text(each))


async def kept(database: Database) -> int:
    counted = select(func.count()).select_from(DAILY)
    return int((await database.reads.execute(counted)).scalar_one())


async def test_days_that_are_over_are_kept_and_today_is_not(committing: Database) -> None:
    await add(committing, row(at(3)), row(at(3), "Letters"), row(at(4)), row(at(10, month=4)))
    assert await counting.is_due(committing.reads, TODAY, ZONE)
    assert await counting.count_all(committing, TODAY, ZONE) == 38
    assert await kept(committing) == 3
    assert not await counting.is_due(committing.reads, TODAY, ZONE)
    assert await counting.count_all(committing, TODAY, ZONE) == 0
    await same(committing)


async def test_what_is_kept_is_taken_and_not_counted_again(committing: Database) -> None:
    await add(committing, row(at(3)))
    await counting.count_all(committing, TODAY, ZONE)
    async with committing.writes() as session:
        await session.execute(update(DAILY).values(numbers=[7]))
    assert await read(committing) == {(date(2026, 3, 3), ("Engines",)): [7]}


async def test_late_data_is_in_the_answer_at_once_and_counted_by_the_next_run(
    committing: Database,
) -> None:
    await add(committing, row(at(3)))
    await counting.count_all(committing, TODAY, ZONE)
    await add(committing, row(at(3)), row(at(1)))
    await same(committing)
    assert await counting.is_due(committing.reads, TODAY, ZONE)
    assert await counting.count_all(committing, TODAY, ZONE) == 2
    assert (await committing.reads.execute(select(MARKS.c.id))).all() == []
    await same(committing)


async def test_a_day_ends_when_the_clocks_of_the_business_say_so(committing: Database) -> None:
    # The 29th has 23 hours there.
    edges = [at(29, 0), at(28, 23), at(29, 23), at(30, 0)]
    last = at(30, 0) - timedelta(microseconds=1)
    await add(committing, *map(row, [*edges, last]))
    await counting.count_all(committing, TODAY, ZONE)
    counted = {day.day: numbers for (day, _), numbers in (await read(committing)).items()}
    assert counted == {28: [1], 29: [3], 30: [1]}
    await same(committing)


async def test_a_statistic_that_is_declared_otherwise_is_counted_anew(
    committing: Database,
) -> None:
    await add(committing, row(at(3)))
    await counting.count_all(committing, TODAY, ZONE)
    async with committing.writes() as session:
        await session.execute(update(STANDINGS).values(declared="of before"))
        await session.execute(update(DAILY).values(numbers=[7]))
    await same(committing)
    assert await counting.count_all(committing, TODAY, ZONE) == 38
    await same(committing)


async def test_what_other_code_counts_of_the_same_rows_is_told_of_their_changes(
    committing: Database,
) -> None:
    await add(committing, row(at(3)))
    await counting.count_all(committing, TODAY, ZONE)
    other = {"statistic": "of_tomorrow", "source": CREATED.source, "declared": "", "version": 0}
    async with committing.writes() as session:
        await session.execute(STANDINGS.insert(), other | {"until": TODAY})
    await add(committing, row(at(5)))
    await counting.count_all(committing, TODAY, ZONE)
    wanted = select(STANDINGS.c.until).where(STANDINGS.c.statistic == "of_tomorrow")
    assert (await committing.reads.execute(wanted)).scalar_one() == date(2026, 3, 5)


async def test_a_change_that_commits_after_its_day_was_counted_stays_marked(
    committing: Database,
) -> None:
    """The writer has begun before; SQLite has one at a time, and there it waits its turn."""
    await add(committing, row(at(3)))
    await counting.count_all(committing, TODAY, ZONE)
    await add(committing, row(at(3), "Letters"))
    written, counted = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with committing.writes() as session:
            await session.execute(PROFILES.insert(), row(at(4)))
            written.set()
            await counted.wait()

    writing = asyncio.create_task(write())
    await written.wait()
    days = [date(2026, 3, 3), date(2026, 3, 5)]
    counting_days = asyncio.create_task(counting.count_days(committing, [CREATED], days, ZONE))
    await asyncio.wait([counting_days], timeout=0.5)
    await same(committing)
    counted.set()
    await asyncio.gather(writing, counting_days)
    await same(committing)
    assert await counting.count_all(committing, TODAY, ZONE) == 1
    await same(committing)


async def test_where_nothing_is_marked_nothing_is_kept(
    committing: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(committing, row(at(3)))
    await counting.count_all(committing, TODAY, ZONE)
    monkeypatch.setattr(triggers, "ROWS", {**triggers.ROWS, "other": ()})
    assert await counting.unmarked(committing.reads) == {"profiles.created_at"}
    assert await counting.count_all(committing, TODAY, ZONE) == 0
    assert await kept(committing) == 0
    await same(committing)


async def test_a_trigger_that_is_gone_is_missed_by_the_next_answer(committing: Database) -> None:
    """As it is where a batch migration makes a table of SQLite anew."""
    await add(committing, row(at(3)))
    await counting.count_all(committing, TODAY, ZONE)
    async with committing.writes() as session:
        name = session.get_bind().dialect.name.replace("mariadb", "mysql")
    again, drop = triggers.statements(name, "profiles", "created_at")
    await run(committing, drop)
    try:
        await add(committing, row(at(3)))
        await same(committing)
        assert await counting.count_all(committing, TODAY, ZONE) == 0
    finally:
        await run(committing, again)
    await same(committing)
    await counting.count_all(committing, TODAY, ZONE)
    await same(committing)


@pytest.mark.parametrize(
    ("zone", "day", "begin", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), datetime(2026, 3, 28, 23, tzinfo=UTC), 23),
        ("Europe/Berlin", date(2026, 10, 25), datetime(2026, 10, 24, 22, tzinfo=UTC), 25),
        # No clock shows midnight.
        ("America/Sao_Paulo", date(2018, 11, 4), datetime(2018, 11, 4, 3, tzinfo=UTC), 23),
        # A minute past midnight it is a minute past eleven again.
        ("America/St_Johns", date(2006, 10, 29), datetime(2006, 10, 29, 2, 30, tzinfo=UTC), 25),
        # The whole day is skipped.
        ("Pacific/Apia", date(2011, 12, 30), datetime(2011, 12, 30, 10, tzinfo=UTC), 0),
    ],
)
def test_a_day_is_whole_whatever_the_clocks_do(
    zone: str, day: date, begin: datetime, hours: int
) -> None:
    there = ZoneInfo(zone)
    assert begin_of(day, there) == begin
    assert end_of(day, there) - begin == timedelta(hours=hours)
    on_it = [day_of(begin + timedelta(minutes=n), there) for n in range(hours * 60)]
    assert set(on_it) <= {day}
    assert day_of(begin - timedelta(microseconds=1), there) < day


@pytest.mark.parametrize("seed", range(4))
async def test_the_answer_is_a_direct_query_s_at_any_time(committing: Database, seed: int) -> None:
    """Rows come early and late, move between days and departments, and go; days are counted."""
    chance = random.Random(seed)
    today = DAYS[10]

    def any_row() -> dict[str, object]:
        day = chance.choice(DAYS)
        hour = timedelta(hours=chance.choice([0, 12, 23]))
        begin = datetime.combine(day, datetime.min.time(), tzinfo=UTC)
        return row(begin + hour, chance.choice(["Engines", "engines", "Engines ", "É"]))

    rows = [any_row() for _ in range(5)]
    await add(committing, *rows)
    for _ in range(25):
        move = chance.choice(["add", "change", "drop", "count", "again", "tomorrow"])
        chosen = PROFILES.c.id == chance.choice(rows)["id"]
        if move == "add":
            rows.append(any_row())
            await add(committing, rows[-1])
        elif move == "again":
            days = sorted(set(chance.choices(DAYS, k=4)))
            await counting.count_days(committing, [CREATED], days, ZONE)
        elif move == "count":
            await counting.count_all(committing, today, ZONE)
        elif move == "tomorrow":
            today += timedelta(days=chance.randrange(4))
        else:
            to = any_row()
            values = {name: to[name] for name in ("created_at", "department")}
            change = update(PROFILES).values(values) if move == "change" else delete(PROFILES)
            async with committing.writes() as session:
                await session.execute(change.where(chosen))
        await same(committing)
