"""What a process that runs jobs consists of: it relays and it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from app.core.database import Database
from app.core.relay import Relay, Transport
from app.core.runner import Runner
from app.settings import Settings


class JobProcess:
    """A relay and a runner, started together and ended in order."""

    def __init__(
        self, settings: Settings, database: Database, transport: Callable[[Runner], Transport]
    ) -> None:
        """Prepare; jobs are sent by the transport that `transport` returns for the runner."""
        self.settings = settings
        self.database = database
        self.runner = Runner(database, lease=settings.job_lease)
        self._transport = transport(self.runner)
        self.relay = make_relay(settings, database, self._transport)
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        """Begin, on the event loop that this runs on."""
        for surrounding in _surroundings:
            await self._stack.enter_async_context(surrounding(self))
        # After the relay's end, which may have sent one more.
        self._stack.push_async_callback(self._transport.ended)
        relaying = asyncio.create_task(self.relay.run())
        self._stack.push_async_callback(lambda: relaying)

    async def end(self) -> None:
        """Take no more jobs, and let those that run end within the grace."""
        self.relay.stop()
        await self.runner.end(self.settings.job_grace)
        await self._stack.aclose()


Surrounding = Callable[[JobProcess], AbstractAsyncContextManager[None]]
_surroundings: list[Surrounding] = []


def surround(surrounding: Surrounding) -> Surrounding:
    """Let every process that runs jobs do so inside `surrounding`."""
    _surroundings.append(surrounding)
    return surrounding


def make_relay(settings: Settings, database: Database, transport: Transport) -> Relay:
    """Return the relay to `transport`."""
    return Relay(database, transport, poll=settings.job_poll, resend=settings.job_resend)
