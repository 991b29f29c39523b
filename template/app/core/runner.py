"""Running jobs in this process: the runner, and what surrounds it from its start to its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

import structlog

from app.core import job_hooks, jobs, older, outbox
from app.core.database import Database
from app.core.ending import Ending
from app.core.grouping import run_together
from app.core.jobs import JOB_KINDS, wait_for_event
from app.core.outbox import Claimant, Job, Queue
from app.settings import Settings

if TYPE_CHECKING:
    import redis

logger = structlog.get_logger(__name__)

PAUSE_AFTER_FAILURE = timedelta(seconds=3)
# Where more jobs wait than there was room for, they are claimed when half of the places are free,
# or after this: a few at once cost hardly more than one.
LINGER = timedelta(milliseconds=20)
# Whoever knows an actor has begun its jobs by then, or is away.
LATE = timedelta(minutes=1)
OFTEN = timedelta(seconds=5)


async def always() -> bool:
    return True


class Runner:
    """Claims jobs that are due and runs them on this event loop, as many as there is room for.

    `admits` says whether jobs may be begun now; a feature may know better than `always`.
    """

    def __init__(
        self, database: Database, settings: Settings, queues: Collection[Queue] = tuple(Queue)
    ) -> None:
        self.admits: Callable[[], Awaitable[bool]] = always
        self.swept_at = time.monotonic()
        self._database = database
        self._settings = settings
        self._queues = queues
        self._end = Ending(database).end
        self._running: dict[asyncio.Task[None], Sequence[Job]] = {}
        self._claiming = asyncio.Lock()
        self._named: set[str] = set()
        self._more = False
        self._ending = False
        self._ended = asyncio.Event()
        self._woken = asyncio.Event()

    @property
    def running(self) -> int:
        return self._taken + self._claiming.locked()

    @property
    def _taken(self) -> int:
        return sum(map(len, self._running.values()))

    def tell(self, _: object = None) -> None:
        """Look for jobs now: some were committed, or there is room again."""
        self._woken.set()

    async def run(self) -> None:
        """Claim and run until the end. A database that is away is waited for."""
        keeper = asyncio.create_task(self._keep())
        while not self._ending:
            self._woken.clear()
            rest = self._settings.job_poll
            try:
                self._more = await self._claim()
                self.swept_at = time.monotonic()
                rest = LINGER if self._more else rest
            except Exception:
                logger.exception("runner.failed")
                rest = PAUSE_AFTER_FAILURE
            await wait_for_event(self._woken, within=rest)
        await keeper

    async def end(self, grace: timedelta) -> None:
        """Begin nothing more, let jobs end within `grace`, and cut off the others."""
        self._ending = True
        self.tell()
        async with self._claiming:
            """What is being claimed runs by then."""
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=grace.total_seconds())
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        self._ended.set()

    async def _claim(self) -> bool:
        """Begin as many jobs as there is room for; return whether there may be more."""
        room = self._settings.job_concurrency - self._taken
        if room <= 0:
            return True
        claimant = Claimant(self._queues, tuple(JOB_KINDS), self._settings.job_lease)
        # Most looks find nothing: only a due job is worth the write lock.
        queues = await outbox.due_queues(self._database.reads, claimant)
        if not queues or not await self.admits():
            return False
        async with self._claiming:
            if self._ending:
                return False
            async with self._database.writes() as session:
                claimed = await outbox.claim(session, replace(claimant, queues=queues), room)
            self._begin(claimed)
        job_hooks.count("relay_batches", "sent")
        job_hooks.count("relay_jobs", "sent", len(claimed))
        return len(claimed) == room

    def _begin(self, claimed: Sequence[Job]) -> None:
        group = []
        for job in claimed:
            if JOB_KINDS[job.actor].group:
                group.append(job)
            else:
                self._start(jobs.run(self._database, job, self._end), [job])
        if group:
            self._start(run_together(self._database, group), group)

    def _start(self, work: Coroutine[None, None, None], of: Sequence[Job]) -> None:
        task = asyncio.create_task(work)
        self._running[task] = of
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if not task.cancelled() and task.exception() is not None:
            logger.error("job.crashed", exc_info=task.exception())
        if not self._more or self._taken <= self._settings.job_concurrency // 2:
            self.tell()

    async def _keep(self) -> None:
        """Renew the leases of all that run, until the last of them has ended."""
        lease = self._settings.job_lease
        while not await wait_for_event(self._ended, within=lease / 3):
            try:
                if self._running:
                    async with self._database.writes() as session:
                        running = chain.from_iterable(self._running.values())
                        await outbox.renew(session, running, lease)
                await self._name_unknown()
            except Exception:
                logger.exception("runner.leases_not_renewed")

    async def _name_unknown(self) -> None:
        late = datetime.now(UTC) - LATE
        for actor in await outbox.unknown(self._database.reads, tuple(JOB_KINDS), late):
            if actor not in self._named:
                logger.error("job.unknown_actor", actor=actor)
                self._named.add(actor)


class JobProcess:
    """A runner with its surroundings, started together and ended in order."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        queues: Collection[Queue] = tuple(Queue),
        client: redis.Redis | None = None,
    ) -> None:
        """Run the jobs of these queues; what is said by way of a Redis is heard by `client`."""
        self.settings = settings
        self.database = database
        self.runner = Runner(database, settings, queues)
        self._client = client
        self._ended = asyncio.Event()
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        """Begin, on the event loop that this runs on."""
        for surrounding in _surroundings:
            await self._stack.enter_async_context(surrounding(self))
        tasks = [asyncio.create_task(each) for each in (self.runner.run(), self._stand_beside())]
        self._stack.push_async_callback(lambda: asyncio.wait(tasks))

    async def end(self) -> None:
        """Take no more jobs, and let those that run end within the grace."""
        self._ended.set()
        await self.runner.end(self.settings.job_grace)
        await self._stack.aclose()

    async def _stand_beside(self) -> None:
        """See to the jobs of older releases that run beside this one."""
        while not self._ended.is_set():
            try:
                if self._client is not None:
                    await older.take_over(self.database, self._client)
                if await older.adopt(self.database):
                    self.runner.tell()
            except Exception:
                logger.exception("older.not_seen")
            await wait_for_event(self._ended, within=min(self.settings.job_poll, OFTEN))


Surrounding = Callable[[JobProcess], AbstractAsyncContextManager[None]]
_surroundings: list[Surrounding] = []


def surround(surrounding: Surrounding) -> Surrounding:
    """Let every process that runs jobs do so inside `surrounding`."""
    _surroundings.append(surrounding)
    return surrounding
