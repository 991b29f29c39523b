"""The relay sends every due job, keeps what cannot be sent, and rests when there is nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from app.core import outbox
from app.core import relay as relay_module
from app.core.database import Database
from app.core.outbox import Job
from app.core.relay import Relay


class Recorder:
    """A transport that remembers, and fails as often as it is told to."""

    def __init__(self, *, failures: int = 0) -> None:
        self.sent: list[Job] = []
        self.failures = failures
        self._more = asyncio.Event()

    async def has_sent(self, number: int) -> None:
        while len(self.sent) < number:
            await self._more.wait()
            self._more.clear()

    def room(self) -> int:
        return 100

    async def send(self, jobs: Sequence[Job]) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise ConnectionError("the broker is away")
        self.sent += jobs
        self._more.set()


async def enqueue(database: Database, number: int) -> None:
    async with database.writes() as session:
        for _ in range(number):
            await outbox.enqueue(session, "test.nothing")


async def relaying(relay: Relay, recorder: Recorder, until: int) -> None:
    """Relay until so many jobs were sent."""
    task = asyncio.create_task(relay.run())
    async with asyncio.timeout(5):
        await recorder.has_sent(until)
    relay.stop()
    await task


def make_relay(database: Database, transport: Recorder, **options: timedelta) -> Relay:
    times = {"poll": timedelta(milliseconds=20), "resend": timedelta(minutes=1)} | options
    return Relay(database, transport, **times)


async def test_every_job_is_sent_once(database: Database) -> None:
    await enqueue(database, 250)
    transport = Recorder()
    await relaying(make_relay(database, transport), transport, until=250)
    assert len({job.id for job in transport.sent}) == len(transport.sent) == 250


async def test_a_wake_is_answered_at_once(database: Database) -> None:
    transport = Recorder()
    relay = make_relay(database, transport, poll=timedelta(hours=1))
    task = asyncio.create_task(relay.run())
    await asyncio.sleep(0.1)
    await enqueue(database, 1)
    relay.wake()
    async with asyncio.timeout(2):
        await transport.has_sent(1)
    relay.stop()
    await task


async def test_a_job_that_nobody_begins_is_sent_again(database: Database) -> None:
    await enqueue(database, 1)
    transport = Recorder()
    relay = make_relay(database, transport, resend=timedelta(milliseconds=50))
    await relaying(relay, transport, until=3)
    assert len({job.id for job in transport.sent}) == 1


async def test_what_a_dead_broker_refuses_is_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "PAUSE_AFTER_FAILURE", timedelta(milliseconds=20))
    await enqueue(database, 5)
    transport = Recorder(failures=2)
    await relaying(make_relay(database, transport), transport, until=5)
    assert len({job.id for job in transport.sent}) == 5
