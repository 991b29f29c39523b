"""One tick is one job: with two schedulers, with differing clocks, after a night of silence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from sqlalchemy import func, select, update

from app.core.database import Database
from app.core.jobs import JOB_KINDS, Attempt, job
from app.core.outbox import OutboxRow
from app.features.operations import leases, schedule
from app.features.operations.schedule import (
    CRONS,
    Cron,
    Due,
    NotLeading,
    Scheduler,
    ScheduleRow,
    due,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def hourly() -> Iterator[None]:
    """The one actor with a schedule."""
    with patch.dict(CRONS, clear=True), patch.dict(JOB_KINDS):

        @job("test.hourly", Cron("0 * * * *"))
        async def hourly(_: Attempt) -> None: ...

        yield


def scheduler(database: Database) -> Scheduler:
    return Scheduler(database, poll=SECOND)


async def last_tick_was(database: Database, when: datetime) -> None:
    async with database.writes() as session:
        await session.execute(update(ScheduleRow).values(last_tick=when))


async def jobs(database: Database) -> int:
    return (await database.reads.execute(select(func.count()).select_from(OutboxRow))).scalar_one()


async def give_up_lead(database: Database) -> None:
    async with database.writes() as session:
        await session.execute(update(leases.LeaseRow).values(until=NOON))


@pytest.mark.parametrize(
    ("last", "now", "tick"),
    [
        (NOON, NOON, None),
        (NOON, NOON + HOUR - SECOND, None),
        (NOON, NOON + HOUR, NOON + HOUR),
        (NOON, NOON + HOUR + SECOND / 2, NOON + HOUR),
        (NOON, NOON + 9 * HOUR + SECOND, NOON + 9 * HOUR),
        (NOON + HOUR, NOON, None),
    ],
)
def test_the_newest_tick_is_due(last: datetime, now: datetime, tick: datetime | None) -> None:
    found = due(Cron("0 * * * *"), last, now)
    assert found == (Due(tick, runs=True) if tick else None)


def test_a_missed_tick_can_be_skipped() -> None:
    cron = Cron("0 * * * *", missed="skip")
    assert due(cron, NOON, NOON + HOUR + 2 * schedule.PUNCTUAL) == Due(NOON + HOUR, runs=False)
    assert due(cron, NOON, NOON + HOUR + SECOND) == Due(NOON + HOUR, runs=True)


def test_an_expression_that_is_none_is_refused_where_it_stands() -> None:
    with pytest.raises(ValueError, match="'every hour' is no cron expression"):
        Cron("every hour")


@pytest.mark.usefixtures("hourly")
async def test_a_new_schedule_begins_now_and_makes_no_job(database: Database) -> None:
    await scheduler(database).look(datetime.now(UTC))
    assert await jobs(database) == 0


@pytest.mark.usefixtures("hourly")
async def test_a_night_of_missed_ticks_is_one_job(database: Database) -> None:
    leader = scheduler(database)
    now = datetime.now(UTC)
    await leader.look(now)
    await last_tick_was(database, NOON)
    await leader.look(now)
    await leader.look(now)
    assert await jobs(database) == 1


@pytest.mark.usefixtures("hourly")
async def test_two_schedulers_and_skewed_clocks_make_one_job(database: Database) -> None:
    fast, slow = scheduler(database), scheduler(database)
    now = datetime.now(UTC)
    await fast.look(now)
    await last_tick_was(database, now - 2 * HOUR)
    await fast.look(now)
    await slow.look(now)
    assert (fast.leads, slow.leads) == (True, False)
    await give_up_lead(database)
    await slow.look(now - HOUR)
    assert slow.leads
    assert await jobs(database) == 1


@pytest.mark.usefixtures("hourly")
async def test_a_leader_who_was_replaced_makes_no_job(database: Database) -> None:
    old, new = scheduler(database), scheduler(database)
    now = datetime.now(UTC)
    await old.look(now)
    await give_up_lead(database)
    await new.look(now)
    await last_tick_was(database, now - 2 * HOUR)
    with pytest.raises(NotLeading):
        await old.look(now)
    assert await jobs(database) == 0
    await new.look(now)
    assert await jobs(database) == 1


@pytest.mark.usefixtures("hourly")
async def test_who_stops_leading_lets_another_lead_at_once(database: Database) -> None:
    first, second = scheduler(database), scheduler(database)
    await first.look(datetime.now(UTC))
    first.stop()
    await first.run()
    await second.look(datetime.now(UTC))
    assert second.leads
