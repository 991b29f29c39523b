"""A runner lets jobs end, cuts off what takes too long, and begins nothing in a pause."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.core import outbox, pause, runner
from app.core.actors import ACTORS, Attempt, actor
from app.core.database import Database
from app.core.outbox import Job, OutboxRow
from app.core.pause import PausedByOther
from app.core.process import JobProcess
from app.core.queues import Queue
from app.core.relay import InProcess
from app.core.runner import Runner, State
from app.settings import Settings

MINUTE = timedelta(minutes=1)
SHORT = timedelta(milliseconds=20)


@dataclass
class Gate:
    """What the test's actors wait at."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def passed(self) -> None:
        self.reached.set()
        await self.opened.wait()


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A gate that every attempt of the actors `test.wait` and `test.once` waits at."""
    gate = Gate()

    @actor("test.wait")
    async def wait(_: Attempt) -> None:
        await gate.passed()

    @actor("test.once", max_attempts=1)
    async def once(_: Attempt) -> None:
        await gate.passed()

    yield gate
    for name in ("test.wait", "test.once"):
        del ACTORS[name]


@asynccontextmanager
async def watching(database: Database) -> AsyncIterator[Runner]:
    runner = Runner(database, lease=MINUTE, poll=SHORT)
    task = asyncio.create_task(runner.watch())
    yield runner
    await runner.end(SHORT)
    await task


async def taken(database: Database, name: str = "test.wait") -> Job:
    async with database.writes() as session:
        await outbox.enqueue(session, name)
        room = dict.fromkeys(Queue, 1)
        (job,) = await outbox.take_due(session, resend_at=datetime.now(UTC) + MINUTE, room=room)
    return job


async def row(database: Database) -> OutboxRow | None:
    async with database.writes() as session:
        return (await session.execute(select(OutboxRow))).scalar_one_or_none()


async def told(database: Database) -> None:
    """Wait until a runner has told that it lives, and does nothing."""
    while True:
        async with database.reads() as reads:
            if await pause.living(reads):
                return
        await asyncio.sleep(0.01)


async def becomes(runner: Runner, state: State) -> None:
    await holds(lambda: runner.state is state)


async def holds(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("waited 5 seconds in vain")


async def test_the_end_waits_for_a_running_job(database: Database, gate: Gate) -> None:
    job = await taken(database)
    async with watching(database) as runner:
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
    async with watching(database) as runner:
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
    async with watching(database) as runner:
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
    async with watching(database) as runner:
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


async def test_a_pause_drains_and_gives_back_what_arrives(database: Database, gate: Gate) -> None:
    running, late = await taken(database), await taken(database)
    async with watching(database) as runner:
        task = asyncio.create_task(runner.run(running))
        await gate.reached.wait()
        await pause.pause(database, "ada", MINUTE)
        await becomes(runner, State.DRAINING)
        await runner.run(late)
        assert [one.name for one in await pause.drained(database, SHORT)] == [runner.name]
        gate.opened.set()
        await task
        assert await pause.drained(database, MINUTE) == []
        left = await row(database)
        assert left is not None
        assert (left.id, left.attempts) == (late.id, 0)
        assert await pause.resume(database)
        await becomes(runner, State.RUNNING)


async def test_nothing_is_sent_in_a_pause(database: Database) -> None:
    async with database.writes() as session:
        await outbox.enqueue(session, "test.nothing")
    await pause.pause(database, "ada", MINUTE)
    async with database.reads() as reads:
        assert not await outbox.any_due(reads)
    await pause.resume(database)
    async with database.reads() as reads:
        assert await outbox.any_due(reads)


async def test_a_pauser_who_died_stops_nobody_for_ever(database: Database) -> None:
    await pause.pause(database, "ada", timedelta(milliseconds=150))
    async with watching(database) as runner:
        await becomes(runner, State.PAUSED)
        await becomes(runner, State.RUNNING)


async def test_a_pause_is_its_holders(database: Database) -> None:
    await pause.pause(database, "ada", MINUTE)
    await pause.pause(database, "ada", 2 * MINUTE)
    with pytest.raises(PausedByOther, match="ada until"):
        await pause.pause(database, "grace", MINUTE)


async def test_a_dead_runner_is_not_waited_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = Runner(database, lease=MINUTE, poll=MINUTE)
    task = asyncio.create_task(dead.watch())
    await asyncio.wait_for(told(database), 5)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await pause.pause(database, "ada", MINUTE)
    assert len(await pause.drained(database, SHORT)) == 1
    monkeypatch.setattr(pause, "FORGOTTEN_AFTER", SHORT)
    assert await pause.drained(database, MINUTE) == []
    assert runner.BEAT < runner.FORGOTTEN_AFTER
