"""A runner lets jobs end, cuts off what takes too long, and begins nothing that is not admitted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.core import outbox
from app.core.database import Database
from app.core.outbox import OutboxRow, Queue
from app.core.runner import InProcess, JobProcess, Runner
from app.settings import Settings
from tests.blocking_jobs import Gate, taken

MINUTE = timedelta(minutes=1)
SHORT = timedelta(milliseconds=20)


@asynccontextmanager
async def running(database: Database) -> AsyncIterator[Runner]:
    runner = Runner(database, lease=MINUTE)
    yield runner
    await runner.end(SHORT)


async def row(database: Database) -> OutboxRow | None:
    async with database.writes() as session:
        return (await session.execute(select(OutboxRow))).scalar_one_or_none()


async def test_the_end_waits_for_a_running_job(database: Database, gate: Gate) -> None:
    job = await taken(database)
    async with running(database) as runner:
        task = asyncio.create_task(runner.run(job))
        await gate.reached.wait()
        ending = asyncio.create_task(runner.end(MINUTE))
        await asyncio.sleep(0.05)
        assert not ending.done()
        gate.opened.set()
        await asyncio.gather(task, ending)
    assert await row(database) is None


async def test_what_is_cut_off_is_due_at_once_and_counted(database: Database, gate: Gate) -> None:
    job = await taken(database)
    async with running(database) as runner:
        task = asyncio.create_task(runner.run(job))
        await gate.reached.wait()
        await runner.end(SHORT)
        await task
    left = await row(database)
    assert left is not None
    assert left.due_at is not None
    assert left.due_at <= datetime.now(UTC)
    assert (left.attempts, left.began_at) == (1, None)
    assert "CutOff" in str(left.error)


async def test_the_last_attempt_that_is_cut_off_is_dead(database: Database, gate: Gate) -> None:
    job = await taken(database, "test.once")
    async with running(database) as runner:
        task = asyncio.create_task(runner.run(job))
        await gate.reached.wait()
        await runner.end(SHORT)
        await task
    left = await row(database)
    assert left is not None
    assert left.due_at is None


@pytest.mark.usefixtures("gate")
async def test_a_job_that_kills_its_processes_is_buried_in_the_end(database: Database) -> None:
    job = await taken(database, "test.once")
    async with database.writes() as session:
        died = await outbox.begin(session, job, lease_until=datetime.now(UTC) + MINUTE)
    assert died is not None
    async with running(database) as runner:
        await runner.run(died)
    left = await row(database)
    assert left is not None
    assert left.due_at is None
    assert "ended with its process" in str(left.error)


async def test_the_end_waits_for_a_job_sent_at_the_last_moment(
    database: Database, settings: Settings, gate: Gate
) -> None:
    gate.opened.set()
    sent: list[InProcess] = []

    def transport(runner: Runner) -> InProcess:
        sent.append(InProcess(runner, concurrency=1))
        return sent[0]

    process = JobProcess(settings, database, transport)
    await process.start()
    await sent[0].send([await taken(database)])
    await process.end()
    assert await sent[0].room() == dict.fromkeys(Queue, 1)


async def test_what_is_not_admitted_is_given_back(database: Database) -> None:
    async def never() -> bool:
        return False

    job = await taken(database)
    async with running(database) as runner:
        runner.admits = never
        await runner.run(job)
    left = await row(database)
    assert left is not None
    assert left.due_at is not None
    assert left.due_at <= datetime.now(UTC)
    assert left.attempts == 0
