"""The relay sends every due job, keeps what cannot be sent, and rests when there is nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from app.core import outbox
from app.core import outbox as queues
from app.core import relay as relay_module
from app.core.database import Database
from app.core.outbox import Job, Queue
from app.core.relay import Relay, Transport


class Recorder(Transport):
    """A transport that remembers, and fails as often as it is told to."""

    def __init__(self, *, failures: int = 0, room: int = 100) -> None:
        self.sent: list[Job] = []
        self.failures = failures
        self._room = room
        self._more = asyncio.Event()

    async def has_sent(self, number: int) -> None:
        while len(self.sent) < number:
            await self._more.wait()
            self._more.clear()

    async def room(self) -> Mapping[Queue, int]:
        return dict.fromkeys(Queue, self._room)

    async def send(self, jobs: Sequence[Job]) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise ConnectionError("the broker is away")
        self.sent += jobs
        self._more.set()


async def enqueue(database: Database, number: int) -> Sequence[Job]:
    async with database.writes() as session:
        for _ in range(number):
            await outbox.enqueue(session, "test.nothing")
    return outbox.asked_for(session)


async def relaying(relay: Relay, recorder: Recorder, until: int) -> None:
    """Relay until so many jobs were sent."""
    task = asyncio.create_task(relay.run())
    async with asyncio.timeout(300):
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


async def test_two_relays_at_once_send_no_job_twice(
    committing: Database, database_url: str
) -> None:
    await enqueue(committing, 500)
    other = Database(database_url)
    transports = Recorder(), Recorder()
    relays = [
        make_relay(database, transport)
        for database, transport in zip((committing, other), transports, strict=True)
    ]
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    async with asyncio.timeout(300):
        while sum(len(transport.sent) for transport in transports) < 500:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    for relay in relays:
        relay.stop()
    await asyncio.gather(*tasks)
    await other.close()
    sent = [job.id for transport in transports for job in transport.sent]
    assert len(set(sent)) == len(sent) == 500


async def test_urgent_jobs_are_sent_first(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "QUEUES", {"test.low": Queue.LOW, "test.high": Queue.HIGH})
    async with database.writes() as session:
        for name in ("test.low", "test.default", "test.high"):
            await outbox.enqueue(session, name)
    transport = Recorder(room=1)
    await relaying(make_relay(database, transport), transport, until=3)
    assert [job.actor for job in transport.sent] == ["test.high", "test.default", "test.low"]


async def test_what_is_handed_over_is_sent_at_once_and_once(database: Database) -> None:
    transport = Recorder()
    relay = make_relay(database, transport, poll=timedelta(hours=1))
    task = asyncio.create_task(relay.run())
    await asyncio.sleep(0.1)
    relay.hand_over(await enqueue(database, 1))
    async with asyncio.timeout(300):
        await transport.has_sent(1)
    await asyncio.sleep(0.1)
    relay.look()
    await asyncio.sleep(0.1)
    relay.stop()
    await task
    assert len(transport.sent) == 1


async def test_what_was_handed_over_in_vain_stays_due(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "PAUSE_AFTER_FAILURE", timedelta(milliseconds=20))
    transport = Recorder(failures=1)
    relay = make_relay(database, transport)
    relay.hand_over(await enqueue(database, 3))
    await relaying(relay, transport, until=3)
    assert len({job.id for job in transport.sent}) == len(transport.sent) == 3


async def test_what_finds_no_room_waits_its_turn_in_the_outbox(database: Database) -> None:
    transport = Recorder(room=2)
    relay = make_relay(database, transport)
    relay.hand_over(await enqueue(database, 5))
    await relaying(relay, transport, until=5)
    assert len({job.id for job in transport.sent}) == len(transport.sent) == 5


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
