"""Jobs of one group share a transaction; what is wrong with one of them is no other's affair."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from unittest.mock import patch
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import SQLAlchemyError

from app.core import outbox
from app.core.database import Database, WriteSession
from app.core.grouping import run_together
from app.core.jobs import JOB_KINDS, Attempt, job
from app.core.outbox import Job, OutboxRow
from app.core.runner import Runner
from app.settings import Settings
from tests.claiming import claimed

NUMBERS = range(5)
EFFECT = "test.effect"
STATE = select(OutboxRow.actor, OutboxRow.attempts, OutboxRow.due_at)


@pytest.fixture
def faults() -> Iterator[dict[int, str]]:
    """How the jobs of some numbers go wrong; the effect of each is another row."""
    faults: dict[int, str] = {}
    with patch.dict(JOB_KINDS):

        @job("test.add", group=True)
        async def add(attempt: Attempt, number: int) -> None:
            fault = faults.get(number)
            if fault == "before":
                raise RuntimeError(fault)
            if fault == "none":
                return
            swallowed = (SQLAlchemyError,) if fault == "swallowed" else ()
            with suppress(*swallowed):
                async with attempt.finishes() as session:
                    await outbox.enqueue(session, EFFECT, number=number)
                    if fault in {"within", "swallowed"}:
                        await session.execute(text("SELECT no_such_column FROM outbox"))
            if fault == "after":
                raise RuntimeError(fault)

        yield faults


async def asked_for(database: Database) -> Sequence[Job]:
    async with database.writes() as session:
        for number in NUMBERS:
            await outbox.enqueue(session, "test.add", number=number)
    return sorted(await claimed(database), key=lambda each: str(each.arguments))


async def effects(database: Database) -> Counter[object]:
    found = await database.reads.execute(
        select(OutboxRow.arguments).where(OutboxRow.actor == EFFECT)
    )
    return Counter(each["number"] for each in found.scalars())


async def left(database: Database) -> dict[UUID, int]:
    """Return the jobs that are not done, and how often each was begun."""
    rows = select(OutboxRow.id, OutboxRow.attempts).where(OutboxRow.actor == "test.add")
    return {found.id: found.attempts for found in await database.reads.execute(rows)}


@asynccontextmanager
async def transactions(database: Database) -> AsyncIterator[list[WriteSession]]:
    """Yield the transactions of a database that are opened meanwhile."""
    opened: list[WriteSession] = []
    writes = database.writes

    @asynccontextmanager
    async def counted() -> AsyncIterator[WriteSession]:
        async with writes() as session:
            opened.append(session)
            yield session

    with patch.object(database, "writes", counted):
        yield opened


@pytest.mark.usefixtures("faults")
async def test_all_are_done_in_one_transaction(database: Database) -> None:
    group = await asked_for(database)
    async with transactions(database) as opened:
        await run_together(database, group)
    assert len(opened) == 1
    assert await effects(database) == Counter(NUMBERS)
    assert await left(database) == {}


@pytest.mark.parametrize("fault", ["none", "swallowed"])
async def test_one_that_ends_without_its_effect_takes_none_from_others(
    database: Database, faults: dict[int, str], fault: str
) -> None:
    faults[2] = fault
    await run_together(database, await asked_for(database))
    assert await effects(database) == Counter({0, 1, 3, 4})
    assert await left(database) == {}


@pytest.mark.parametrize("fault", ["before", "within"])
async def test_one_that_fails_fails_alone(
    database: Database, faults: dict[int, str], fault: str
) -> None:
    faults[2] = fault
    group = await asked_for(database)
    await run_together(database, group)
    assert await effects(database) == Counter({0, 1, 3, 4})
    assert await left(database) == {group[2].id: 1}


async def test_what_fails_after_its_effect_has_had_it_once(
    database: Database, faults: dict[int, str]
) -> None:
    faults[2] = "after"
    await run_together(database, await asked_for(database))
    assert await effects(database) == Counter(NUMBERS)
    assert await left(database) == {}


@pytest.mark.usefixtures("faults")
async def test_one_that_is_anothers_by_now_has_no_effect_here(database: Database) -> None:
    group = await asked_for(database)
    async with database.writes() as session:
        third = update(OutboxRow).where(OutboxRow.id == group[2].id)
        await session.execute(third.values(attempts=9))
    await run_together(database, group)
    assert await effects(database) == Counter({0, 1, 3, 4})
    assert await left(database) == {group[2].id: 9}


async def test_a_process_that_ends_gives_all_of_them_back(database: Database) -> None:
    reached = asyncio.Event()
    with patch.dict(JOB_KINDS):

        @job("test.add", group=True)
        async def add(attempt: Attempt, number: int) -> None:
            async with attempt.finishes() as session:
                await outbox.enqueue(session, EFFECT, number=number)
                if number == 2:
                    reached.set()
                    await asyncio.Event().wait()

        group = await asked_for(database)
        running = asyncio.create_task(run_together(database, group))
        await reached.wait()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert await effects(database) == Counter()
    rows = (await database.reads.execute(STATE)).all()
    now = datetime.now(UTC)
    assert all((row.attempts, row.due_at <= now) == (1, True) for row in rows)
    assert len(rows) == len(group)


@pytest.mark.usefixtures("faults")
async def test_a_runner_groups_what_it_has_claimed_and_no_more_than_it_has_room_for(
    database: Database, settings: Settings
) -> None:
    async with database.writes() as session:
        for number in range(20):
            await outbox.enqueue(session, "test.add", number=number)
    runner = Runner(database, settings.model_copy(update={"job_concurrency": 6}))
    async with transactions(database) as opened:
        task = asyncio.create_task(runner.run())
        async with asyncio.timeout(300):
            while await left(database):
                assert runner.running <= 7  # and a claim
                await asyncio.sleep(0.01)
        await runner.end(timedelta(minutes=1))
        await task
    assert await effects(database) == Counter(range(20))
    # Four claims, and as many groups.
    assert len(opened) <= 10
