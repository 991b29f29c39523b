"""In a pause nothing is claimed; who pauses knows when nothing runs any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core import outbox
from app.core.database import Database
from app.core.outbox import Claimant, OutboxRow, Queue
from app.core.runner import Runner
from app.features.operations import heartbeat, pause
from app.features.operations.heartbeat import State, Watch
from app.features.operations.pause import PausedByOther
from app.settings import Settings
from tests.blocking_jobs import Gate, enqueued

MINUTE = timedelta(minutes=1)
SHORT = timedelta(milliseconds=20)


@asynccontextmanager
async def watching(database: Database, settings: Settings) -> AsyncIterator[tuple[Runner, Watch]]:
    runner = Runner(database, settings)
    watch = Watch(database, runner, poll=SHORT)
    tasks = [asyncio.create_task(each.run()) for each in (watch, runner)]
    yield runner, watch
    await runner.end(SHORT)
    watch.stop()
    await asyncio.gather(*tasks)


async def told(database: Database) -> None:
    """Wait until a runner has told that it lives, and does nothing."""
    while not await pause.living(database.reads):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)


async def becomes(watch: Watch, state: State) -> None:
    await holds(lambda: watch.state is state)


async def holds(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(300):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_a_pause_drains_and_begins_nothing_that_arrives(
    database: Database, settings: Settings, gate: Gate
) -> None:
    async with watching(database, settings) as (runner, watch):
        await enqueued(database)
        await gate.reached.wait()
        await pause.pause(database, "ada", MINUTE)
        await becomes(watch, State.DRAINING)
        late = await enqueued(database)
        runner.tell()
        assert [one.name for one in await pause.drained(database, SHORT)] == [watch.name]
        gate.opened.set()
        assert await pause.drained(database, MINUTE) == []
        found = await database.reads.execute(select(OutboxRow.id, OutboxRow.attempts))
        assert found.all() == [(late, 0)]
        assert await pause.resume(database)
        await becomes(watch, State.RUNNING)


async def test_nothing_is_claimed_in_a_pause(database: Database) -> None:
    async with database.writes() as session:
        await outbox.enqueue(session, "test.nothing")
    await pause.pause(database, "ada", MINUTE)
    anybody = Claimant(tuple(Queue), ["test.nothing"], MINUTE)
    assert not await outbox.due_queues(database.reads, anybody)
    async with database.writes() as session:
        assert not await outbox.claim(session, anybody, 1)
    await pause.resume(database)
    assert await outbox.due_queues(database.reads, anybody)


async def test_a_pauser_who_died_stops_nobody_for_ever(
    database: Database, settings: Settings
) -> None:
    await pause.pause(database, "ada", timedelta(milliseconds=600))
    async with watching(database, settings) as (_, watch):
        await becomes(watch, State.PAUSED)
        await becomes(watch, State.RUNNING)


async def test_a_pause_is_its_holders(database: Database) -> None:
    await pause.pause(database, "ada", MINUTE)
    await pause.pause(database, "ada", 2 * MINUTE)
    with pytest.raises(PausedByOther, match="ada until"):
        await pause.pause(database, "grace", MINUTE)


async def test_a_dead_runner_is_not_waited_for(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = Watch(database, Runner(database, settings), poll=MINUTE)
    task = asyncio.create_task(dead.run())
    await asyncio.wait_for(told(database), 60)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await pause.pause(database, "ada", MINUTE)
    assert len(await pause.drained(database, SHORT)) == 1
    monkeypatch.setattr(pause, "FORGOTTEN_AFTER", SHORT)
    assert await pause.drained(database, MINUTE) == []
    assert heartbeat.BEAT < heartbeat.FORGOTTEN_AFTER
