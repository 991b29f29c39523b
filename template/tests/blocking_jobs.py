"""Jobs that wait until a test lets them go on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from app.core import outbox
from app.core.database import Database
from app.core.jobs import JOB_KINDS, Attempt, job
from app.core.outbox import Job, Queue


@dataclass
class Gate:
    """What the actors `test.wait` and `test.once` wait at."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def passed(self) -> None:
        self.reached.set()
        await self.opened.wait()


@contextmanager
def closed_gate() -> Iterator[Gate]:
    """Yield a gate that every attempt of the two actors waits at."""
    gate = Gate()

    @job("test.wait")
    async def wait(_: Attempt) -> None:
        await gate.passed()

    @job("test.once", max_attempts=1)
    async def once(_: Attempt) -> None:
        await gate.passed()

    yield gate
    for name in ("test.wait", "test.once"):
        del JOB_KINDS[name]


async def taken(database: Database, name: str = "test.wait") -> Job:
    """Enqueue a job, and take it as a relay does."""
    async with database.writes() as session:
        await outbox.enqueue(session, name)
        room = dict.fromkeys(Queue, 1)
        resend_at = datetime.now(UTC) + timedelta(minutes=1)
        (job,) = await outbox.take_due(session, resend_at=resend_at, room=room)
    return job
