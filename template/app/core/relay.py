"""The relay: sends due jobs from the outbox to their runner, after a commit and by sweeping."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from app.core import job_hooks, outbox
from app.core.database import Database
from app.core.jobs import wait_for_event
from app.core.outbox import Job, Queue

logger = structlog.get_logger(__name__)

LARGEST_BATCH = 100
PAUSE_AFTER_FAILURE = timedelta(seconds=3)


class Transport(ABC):
    """Where jobs are sent to."""

    # Called when there is room again; the relay that sends by this transport says how.
    on_room: Callable[[], None]

    @abstractmethod
    async def room(self) -> Mapping[Queue, int]:
        """Return how many jobs of each queue can be sent now."""

    @abstractmethod
    async def send(self, jobs: Sequence[Job]) -> None:
        """Send jobs; any error means that none of them counts as sent."""

    async def ended(self) -> None:  # noqa: B027 - what runs elsewhere ends elsewhere
        """Wait for every job that was sent and runs in this process."""


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
        self._handed: list[Job] = []
        self._stopping = False
        transport.on_room = self.look
        self.swept_at = time.monotonic()

    def hand_over(self, jobs: Sequence[Job]) -> None:
        """Give jobs that were committed a moment ago: they are sent before anybody looks for them.

        Their rows are due all the while, so that nothing depends on this process to go on.
        """
        self._handed += jobs
        self._woken.set()

    def look(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        """End `run` after what it is doing: no statement is cut off, no connection lost."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Relay until stopped. A database or broker that is away is waited for."""
        while not self._stopping:
            self._woken.clear()
            try:
                sent = await self._relay_batch()
                self.swept_at = time.monotonic()
            except Exception:
                logger.exception("relay.failed")
                await self._rest(PAUSE_AFTER_FAILURE)
                continue
            if not sent:
                await self._rest(self._poll)

    async def _relay_batch(self) -> int:
        handed, self._handed = self._handed, []
        free = await self._transport.room()
        room = {queue: min(number, LARGEST_BATCH) for queue, number in free.items()}
        if handed and len(handed) <= min(room.values()):
            return await self._send_handed(handed)
        # Where there is no room for all of them, they are found in their turn like any other.
        # Most sweeps find nothing: only a due job is worth the write lock.
        if max(room.values()) <= 0 or not await outbox.any_due(self._database.reads):
            return 0
        async with self._database.writes() as session:
            resend_at = datetime.now(UTC) + self._resend
            jobs = await outbox.take_due(session, resend_at=resend_at, room=room)
        if jobs:
            await self._send(jobs)
        return len(jobs)

    async def _send_handed(self, jobs: Sequence[Job]) -> int:
        await self._transport.send(jobs)
        async with self._database.writes() as session:
            await outbox.sent(session, jobs, resend_at=datetime.now(UTC) + self._resend)
        return len(jobs)

    async def _send(self, jobs: Sequence[Job]) -> None:
        try:
            await self._transport.send(jobs)
        except Exception:
            async with self._database.writes() as session:
                await outbox.give_back(session, jobs)
            job_hooks.count("relay_jobs", "given_back", len(jobs))
            raise
        job_hooks.count("relay_batches", "sent")
        job_hooks.count("relay_jobs", "sent", len(jobs))

    async def _rest(self, longest: timedelta) -> None:
        if not self._stopping:
            await wait_for_event(self._woken, within=longest)
