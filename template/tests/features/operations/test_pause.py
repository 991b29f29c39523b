"""In a pause nothing is sent and nothing begins; who pauses knows when nothing runs any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core import outbox
from app.core.database import Database
from app.core.outbox import OutboxRow
from app.core.runner import Runner
from app.features.operations import heartbeat, pause
from app.features.operations.heartbeat import State, Watch
from app.features.operations.pause import PausedByOther
from tests.blocking_jobs import Gate, taken

MINUTE = timedelta(minutes=1)
SHORT = timedelta(milliseconds=20)


@asynccontextmanager
async def watching(database: Database) -> AsyncIterator[tuple[Runner, Watch]]:
    runner = Runner(database, lease=MINUTE)
    watch = Watch(database, runner, poll=SHORT)
    task = asyncio.create_task(watch.run())
    yield runner, watch
    await runner.end(SHORT)
    watch.stop()
    await task


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


async def test_a_pause_drains_and_gives_back_what_arrives(database: Database, gate: Gate) -> None:
    running, late = await taken(database), await taken(database)
    async with watching(database) as (runner, watch):
        task = asyncio.create_task(runner.run(running))
        await gate.reached.wait()
        await pause.pause(database, "ada", MINUTE)
        await becomes(watch, State.DRAINING)
        await runner.run(late)
        assert [one.name for one in await pause.drained(database, SHORT)] == [watch.name]
        gate.opened.set()
        await task
        assert await pause.drained(database, MINUTE) == []
        async with database.writes() as session:
            left = (await session.execute(select(OutboxRow))).scalar_one()
        assert (left.id, left.attempts) == (late.id, 0)
        assert await pause.resume(database)
        await becomes(watch, State.RUNNING)


async def test_nothing_is_sent_in_a_pause(database: Database) -> None:
    async with database.writes() as session:
        await outbox.enqueue(session, "test.nothing")
    await pause.pause(database, "ada", MINUTE)
    assert not await outbox.any_due(database.reads)
    await pause.resume(database)
    assert await outbox.any_due(database.reads)


async def test_a_pauser_who_died_stops_nobody_for_ever(database: Database) -> None:
    await pause.pause(database, "ada", timedelta(milliseconds=600))
    async with watching(database) as (_, watch):
        await becomes(watch, State.PAUSED)
        await becomes(watch, State.RUNNING)


async def test_a_pause_is_its_holders(database: Database) -> None:
    await pause.pause(database, "ada", MINUTE)
    await pause.pause(database, "ada", 2 * MINUTE)
    with pytest.raises(PausedByOther, match="ada until"):
        await pause.pause(database, "grace", MINUTE)


async def test_a_dead_runner_is_not_waited_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = Watch(database, Runner(database, lease=MINUTE), poll=MINUTE)
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
