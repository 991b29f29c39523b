"""What a process that runs jobs consists of: it relays, runs and schedules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from app.core.database import Database
from app.core.relay import InProcess, Relay, Transport
from app.core.runner import Runner
from app.core.schedule import Scheduler
from app.settings import Settings


class JobProcess:
    """A relay, a runner and a scheduler, started together and ended in order."""

    def __init__(
        self, settings: Settings, database: Database, transport: Callable[[Runner], Transport]
    ) -> None:
        """Prepare; jobs are sent by the transport that `transport` returns for the runner."""
        self._grace = settings.job_grace
        self.runner = Runner(database, lease=settings.job_lease, poll=settings.job_poll)
        self._transport = transport(self.runner)
        self.relay = make_relay(settings, database, self._transport)
        if isinstance(self._transport, InProcess):
            self._transport.on_room = self.relay.look
        self.scheduler = Scheduler(database, poll=settings.job_poll)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin, on the event loop that this runs on."""
        loops = (self.relay.run(), self.runner.watch(), self.scheduler.run())
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    async def end(self) -> None:
        """Take no more jobs, and let those that run end within the grace."""
        self.relay.stop()
        self.scheduler.stop()
        await self.runner.end(self._grace)
        await asyncio.gather(*self._tasks)
        if isinstance(self._transport, InProcess):
            await self._transport.ended()


def make_relay(settings: Settings, database: Database, transport: Transport) -> Relay:
    """Return the relay to `transport`."""
    return Relay(database, transport, poll=settings.job_poll, resend=settings.job_resend)
