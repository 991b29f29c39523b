"""Running jobs in this process: the runner, and the relay that is started and ended with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta

import structlog

from app.core import jobs, outbox
from app.core.database import Database
from app.core.outbox import Job, Queue
from app.core.relay import Relay, Transport
from app.settings import Settings

logger = structlog.get_logger(__name__)


async def always() -> bool:
    return True


class Runner:
    """Runs attempts on this event loop, until it is ended.

    `admits` says whether a job may be begun now; a feature may know better than `always`.
    """

    def __init__(self, database: Database, *, lease: timedelta) -> None:
        self.admits: Callable[[], Awaitable[bool]] = always
        self._database = database
        self._lease = lease
        self._ended = False
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def running(self) -> int:
        return len(self._tasks)

    async def run(self, job: Job) -> None:
        """Run one attempt of a job; give back a job that is not admitted or comes after the end."""
        if not await self.admits() or self._ended:
            async with self._database.writes() as session:
                await outbox.give_back(session, [job])
            return
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self._tasks.add(task)
        try:
            await jobs.run(self._database, job, lease=self._lease)
        except asyncio.CancelledError:
            if not self._ended:
                raise
            # Cut off by `end`: that is this attempt's end, and no error of its caller's.
        finally:
            self._tasks.discard(task)

    async def end(self, grace: timedelta) -> None:
        """Begin nothing more, let jobs end within `grace`, and cut off the others."""
        self._ended = True
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=grace.total_seconds())
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)


class InProcess(Transport):
    """A transport that runs jobs right here: no broker needed, and durable all the same."""

    def __init__(self, runner: Runner, *, concurrency: int) -> None:
        self._runner = runner
        self._concurrency = concurrency
        self._tasks: set[asyncio.Task[None]] = set()

    async def room(self) -> Mapping[Queue, int]:
        return dict.fromkeys(Queue, self._concurrency - len(self._tasks))

    async def send(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            task = asyncio.create_task(self._runner.run(job))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def ended(self) -> None:
        """Wait for every job that was sent: also for one that the runner has not seen yet."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("job.crashed", exc_info=task.exception())
        self.on_room()


class JobProcess:
    """A relay and a runner, started together and ended in order."""

    def __init__(
        self, settings: Settings, database: Database, transport: Callable[[Runner], Transport]
    ) -> None:
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
    return Relay(database, transport, poll=settings.job_poll, resend=settings.job_resend)
