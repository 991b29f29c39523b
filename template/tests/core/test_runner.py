"""A runner claims what it has room for, lets jobs end, cuts off what takes too long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock, patch

import pytest
from sqlalchemy import select, update

from app.core import outbox
from app.core import runner as runner_module
from app.core.database import Database
from app.core.ending import Ending
from app.core.jobs import JOB_KINDS, Attempt, job
from app.core.outbox import OutboxRow, Superseded
from app.core.runner import JobProcess, Runner
from app.settings import Settings
from tests.blocking_jobs import Gate, enqueued
from tests.claiming import claimed

MINUTE = timedelta(minutes=1)
SHORT = timedelta(milliseconds=20)
LAST_DUE = select(OutboxRow.due_at).order_by(OutboxRow.due_at.desc()).limit(1)


@asynccontextmanager
async def running(database: Database, settings: Settings, **own: object) -> AsyncIterator[Runner]:
    runner = Runner(database, settings.model_copy(update=own))
    task = asyncio.create_task(runner.run())
    yield runner
    await runner.end(SHORT)
    await task


async def row(database: Database) -> OutboxRow | None:
    async with database.writes() as session:
        return (await session.execute(select(OutboxRow))).scalar_one_or_none()


async def left(database: Database) -> int:
    return len((await database.reads.execute(select(OutboxRow.id))).all())


async def test_the_end_waits_for_a_running_job(
    database: Database, settings: Settings, gate: Gate
) -> None:
    await enqueued(database)
    async with running(database, settings) as runner:
        await gate.reached.wait()
        assert runner.running == 1
        ending = asyncio.create_task(runner.end(MINUTE))
        await asyncio.sleep(0.05)
        assert not ending.done()
        gate.opened.set()
        await ending
    assert await row(database) is None


async def test_what_is_cut_off_is_due_at_once_and_counted(
    database: Database, settings: Settings, gate: Gate
) -> None:
    await enqueued(database)
    async with running(database, settings):
        await gate.reached.wait()
    found = await row(database)
    assert found is not None
    assert found.due_at is not None
    assert found.due_at <= datetime.now(UTC)
    assert (found.attempts, found.began_at) == (1, None)
    assert "CutOff" in str(found.error)


async def test_the_last_attempt_that_is_cut_off_is_dead(
    database: Database, settings: Settings, gate: Gate
) -> None:
    await enqueued(database, "test.once")
    async with running(database, settings):
        await gate.reached.wait()
    found = await row(database)
    assert found is not None
    assert found.due_at is None


@pytest.mark.usefixtures("gate")
async def test_a_job_that_kills_its_processes_is_buried_in_the_end(
    database: Database, settings: Settings
) -> None:
    await enqueued(database, "test.once")
    await claimed(database)  # by a process that died
    async with database.writes() as session:
        await session.execute(update(OutboxRow).values(due_at=datetime.now(UTC)))
    async with running(database, settings), asyncio.timeout(300):
        while (found := await row(database)) is None or found.due_at:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # nobody tells
    assert "ended with its process" in str(found.error)


async def test_a_process_ends_with_what_it_has_claimed_at_the_last_moment(
    database: Database, settings: Settings, gate: Gate
) -> None:
    gate.opened.set()
    process = JobProcess(settings, database)
    await process.start()
    await enqueued(database)
    process.runner.tell()
    await process.end()
    assert process.runner.running == 0
    found = await row(database)
    assert found is None or found.attempts == 0


async def test_what_is_not_admitted_is_left_alone(
    database: Database, settings: Settings, gate: Gate
) -> None:
    asked = asyncio.Event()

    async def never() -> bool:
        asked.set()
        return False

    await enqueued(database)
    runner = Runner(database, settings)
    runner.admits = never
    task = asyncio.create_task(runner.run())
    await asked.wait()
    await runner.end(MINUTE)
    await task
    found = await row(database)
    assert found is not None
    assert found.due_at is not None
    assert found.due_at <= datetime.now(UTC)
    assert (found.attempts, gate.reached.is_set()) == (0, False)


async def test_a_slow_job_holds_back_no_other(
    database: Database, settings: Settings, gate: Gate
) -> None:
    with patch.dict(JOB_KINDS):

        @job("test.quick")
        async def quick(_: Attempt) -> None: ...

        await enqueued(database)
        for _ in range(20):
            await enqueued(database, "test.quick")
        async with running(database, settings, job_concurrency=2), asyncio.timeout(300):
            await gate.reached.wait()
            while await left(database) > 1:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)
            gate.opened.set()
            while await left(database) > 0:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)


async def test_no_more_run_at_a_time_than_there_are_places(
    database: Database, settings: Settings, gate: Gate
) -> None:
    for _ in range(5):
        await enqueued(database)
    async with running(database, settings, job_concurrency=3) as runner:
        await gate.reached.wait()
        await asyncio.sleep(0.1)
        assert runner.running == 3
        waiting = select(OutboxRow.id).where(OutboxRow.attempts == 0)
        assert len((await database.reads.execute(waiting)).all()) == 2
        gate.opened.set()


async def test_the_leases_of_all_that_run_are_renewed(
    database: Database, settings: Settings, gate: Gate
) -> None:
    for _ in range(3):
        await enqueued(database)
    async with running(database, settings, job_lease=timedelta(seconds=1)):
        await gate.reached.wait()
        claimed_until = (await database.reads.execute(LAST_DUE)).scalar_one()
        renewed = select(OutboxRow.id).where(OutboxRow.due_at > claimed_until)
        async with asyncio.timeout(300):
            while len((await database.reads.execute(renewed)).all()) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        gate.opened.set()


async def test_an_actor_that_nobody_knows_is_named_once(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "logger", logger := Mock())
    async with database.writes() as session:
        due_at = datetime.now(UTC) - timedelta(hours=1)
        await outbox.enqueue_at(session, due_at, "test.unheard_of")
    async with running(database, settings, job_lease=timedelta(milliseconds=60)):
        while not logger.error.called:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
    logger.error.assert_called_once_with("job.unknown_actor", actor="test.unheard_of")


async def test_jobs_end_together_and_each_hears_of_itself(database: Database) -> None:
    for _ in range(5):
        await enqueued(database, "test.wait")
    with patch.dict(JOB_KINDS):

        @job("test.wait")
        async def wait(_: Attempt) -> None: ...

        begun = await claimed(database)
    async with database.writes() as session:
        fourth = update(OutboxRow).where(OutboxRow.id == begun[3].id)
        await session.execute(fourth.values(attempts=9))
    ending = Ending(database)
    ends = await asyncio.gather(*map(ending.end, begun), return_exceptions=True)
    assert [type(each) for each in ends] == [*[type(None)] * 3, Superseded, type(None)]
    assert await left(database) == 1
