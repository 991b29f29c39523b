"""Jobs that wait until a test lets them go on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from unittest.mock import patch
from uuid import UUID

import pytest

from app.core import outbox
from app.core.database import Database
from app.core.jobs import JOB_KINDS, Attempt, job


@dataclass
class Gate:
    """What the actors `test.wait` and `test.once` wait at."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def passed(self) -> None:
        self.reached.set()
        await self.opened.wait()


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A gate that every attempt of the two actors waits at."""
    gate = Gate()
    with patch.dict(JOB_KINDS):

        @job("test.wait")
        async def wait(_: Attempt) -> None:
            await gate.passed()

        @job("test.once", max_attempts=1)
        async def once(_: Attempt) -> None:
            await gate.passed()

        yield gate


async def enqueued(database: Database, name: str = "test.wait") -> UUID:
    """Ask for a job that waits."""
    async with database.writes() as session:
        return await outbox.enqueue(session, name)
