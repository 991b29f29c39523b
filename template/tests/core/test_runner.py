"""A runner lets jobs end, cuts off what takes too long, and begins nothing that is not admitted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.core import outbox
from app.core.actors import ACTORS, Attempt, actor
from app.core.database import Database
from app.core.outbox import Job, OutboxRow
from app.core.queues import Queue
from app.core.runner import Runner

MINUTE = timedelta(minutes=1)
SHORT = timedelta(milliseconds=20)


@pytest.fixture
def release() -> Iterator[asyncio.Event]:
    """What the test's actor waits for."""
    release = asyncio.Event()

    @actor("test.wait")
    async def wait(_: Attempt) -> None:
        await release.wait()

    @actor("test.once", max_attempts=1)
    async def once(_: Attempt) -> None:
        await release.wait()

    yield release
    for name in ("test.wait", "test.once"):
        del ACTORS[name]


@asynccontextmanager
async def running(database: Database) -> AsyncIterator[Runner]:
    runner = Runner(database, lease=MINUTE)
    yield runner
    await runner.end(SHORT)


async def taken(database: Database, name: str = "test.wait") -> Job:
    async with database.writes() as session:
        await outbox.enqueue(session, name)
        room = dict.fromkeys(Queue, 1)
        (job,) = await outbox.take_due(session, resend_at=datetime.now(UTC) + MINUTE, room=room)
    return job


async def row(database: Database) -> OutboxRow | None:
    async with database.writes() as session:
        return (await session.execute(select(OutboxRow))).scalar_one_or_none()


async def begun(runner: Runner) -> None:
    for _ in range(500):
        if runner.running > 0:
            await asyncio.sleep(0.1)
            return
        await asyncio.sleep(0.01)
    pytest.fail("waited 5 seconds in vain")


async def test_the_end_waits_for_a_running_job(database: Database, release: asyncio.Event) -> None:
    job = await taken(database)
    async with running(database) as runner:
        task = asyncio.create_task(runner.run(job))
        await begun(runner)
        ending = asyncio.create_task(runner.end(MINUTE))
        await asyncio.sleep(0.05)
        assert not ending.done()
        release.set()
        await asyncio.gather(task, ending)
    assert await row(database) is None


@pytest.mark.usefixtures("release")
async def test_what_is_cut_off_is_due_at_once_and_counted(database: Database) -> None:
    job = await taken(database)
    async with running(database) as runner:
        task = asyncio.create_task(runner.run(job))
        await begun(runner)
        await runner.end(SHORT)
        await task
    left = await row(database)
    assert left is not None
    assert left.due_at is not None
    assert left.due_at <= datetime.now(UTC)
    assert (left.attempts, left.began_at) == (1, None)
    assert "CutOff" in str(left.error)


@pytest.mark.usefixtures("release")
async def test_the_last_attempt_that_is_cut_off_is_dead(database: Database) -> None:
    job = await taken(database, "test.once")
    async with running(database) as runner:
        task = asyncio.create_task(runner.run(job))
        await begun(runner)
        await runner.end(SHORT)
        await task
    left = await row(database)
    assert left is not None
    assert left.due_at is None


@pytest.mark.usefixtures("release")
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
