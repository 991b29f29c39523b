"""The runner: runs jobs in this process, to their end where there is time for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from app.core import actors, outbox
from app.core.database import Database
from app.core.outbox import Job


async def always() -> bool:
    """Admit every job."""
    return True


class Runner:
    """Runs attempts on this event loop, until it is ended.

    `admits` says whether a job may be begun now; a feature may know better than `always`.
    """

    def __init__(self, database: Database, *, lease: timedelta) -> None:
        """Run nothing yet."""
        self.admits: Callable[[], Awaitable[bool]] = always
        self._database = database
        self._lease = lease
        self._ended = False
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def running(self) -> int:
        """How many jobs run now."""
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
            await actors.run(self._database, job, lease=self._lease)
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
