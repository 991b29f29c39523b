"""The relay: sends due jobs from the outbox to their runner, after a commit and by sweeping."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from app.core import actors, observers, outbox
from app.core.clock import happens
from app.core.database import Database
from app.core.outbox import Job

logger = structlog.get_logger(__name__)

LARGEST_BATCH = 100
PAUSE_AFTER_FAILURE = timedelta(seconds=3)


class Transport(Protocol):
    """Where jobs are sent to."""

    def room(self) -> int:
        """Return how many jobs can be sent now."""

    async def send(self, jobs: Sequence[Job]) -> None:
        """Send jobs; any error means that none of them counts as sent."""


class Relay:
    """Moves jobs from the outbox to a transport, until it is stopped."""

    def __init__(
        self, database: Database, transport: Transport, *, poll: timedelta, resend: timedelta
    ) -> None:
        """Sweep every `poll`; send again what nobody has begun within `resend`."""
        self._database = database
        self._transport = transport
        self._poll = poll
        self._resend = resend
        self._woken = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Say that jobs were committed, or that there is room again."""
        self._woken.set()

    def stop(self) -> None:
        """End `run` after what it is doing: no statement is cut off, no connection lost."""
        self._stopping = True
        self.wake()

    async def run(self) -> None:
        """Relay until stopped. A database or broker that is away is waited for."""
        while not self._stopping:
            self._woken.clear()
            try:
                sent = await self._relay_batch()
            except Exception:
                logger.exception("relay.failed")
                await self._rest(PAUSE_AFTER_FAILURE)
                continue
            if not sent:
                await self._rest(self._poll)

    async def _relay_batch(self) -> int:
        limit = min(self._transport.room(), LARGEST_BATCH)
        if limit == 0:
            return 0
        async with self._database.reads() as connection:
            # Most sweeps find nothing: only a due job is worth the write lock.
            if not await outbox.any_due(connection):
                return 0
        async with self._database.writes() as session:
            jobs = await outbox.take_due(
                session, resend_at=datetime.now(UTC) + self._resend, limit=limit
            )
        await self._send(jobs)
        return len(jobs)

    async def _send(self, jobs: Sequence[Job]) -> None:
        try:
            await self._transport.send(jobs)
        except Exception:
            async with self._database.writes() as session:
                await outbox.give_back(session, jobs, datetime.now(UTC))
            observers.count("relay_jobs", "given_back", len(jobs))
            raise
        observers.count("relay_batches", "sent")
        observers.count("relay_jobs", "sent", len(jobs))

    async def _rest(self, longest: timedelta) -> None:
        if not self._stopping:
            await happens(self._woken, within=longest)


class InProcess:
    """A transport that runs jobs right here: no broker needed, and durable all the same."""

    def __init__(self, database: Database, *, concurrency: int, lease: timedelta) -> None:
        """Run at most `concurrency` jobs at a time."""
        self._database = database
        self._concurrency = concurrency
        self._lease = lease
        self._running: set[asyncio.Task[None]] = set()
        self.on_room: Callable[[], None] = _nothing

    def room(self) -> int:
        """Return how many more jobs may run now."""
        return self._concurrency - len(self._running)

    async def send(self, jobs: Sequence[Job]) -> None:
        """Start each job as a task of this event loop."""
        for job in jobs:
            task = asyncio.create_task(actors.run(self._database, job, lease=self._lease))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("job.crashed", exc_info=task.exception())
        self.on_room()

    async def drain(self, grace: timedelta) -> None:
        """Let running jobs end within `grace`; the others are attempted again after their lease."""
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=grace.total_seconds())
            for task in late:
                task.cancel()


def _nothing() -> None:
    """Do nothing: nobody waits for room yet."""
