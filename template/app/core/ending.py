"""Jobs that leave no effect of their own are ended together: those that wait for one transaction.

Whoever comes while a transaction ends others waits for the next: alone nobody waits for company,
and under load each transaction ends many.
"""

from __future__ import annotations

import asyncio

from app.core import outbox
from app.core.database import Database
from app.core.outbox import Job, Superseded

Waiting = list[tuple[Job, asyncio.Future[None]]]


class Ending:
    """Ends jobs on the event loop that it is used on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: Waiting = []
        self._ending: asyncio.Task[None] | None = None

    async def end(self, job: Job) -> None:
        """End a job; raises Superseded when a later attempt has it."""
        ended = asyncio.get_running_loop().create_future()
        self._waiting.append((job, ended))
        if self._ending is None:
            self._ending = asyncio.create_task(self._end_all())
        await ended

    async def _end_all(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            await self._end_together(waiting)
        self._ending = None

    async def _end_together(self, waiting: Waiting) -> None:
        error: Exception | None = None
        try:
            async with self._database.writes() as session:
                await outbox.finish_all(session, [job for job, _ in waiting])
        except Superseded as found:
            if len(waiting) > 1:
                # Nobody knows which of them: each for itself.
                for each in waiting:
                    await self._end_together([each])
                return
            error = found
        except Exception as failed:  # noqa: BLE001 - it is raised for whoever waits
            error = failed
        for _, ended in waiting:
            if ended.done():  # whoever waited was told to end
                continue
            if error is None:
                ended.set_result(None)
            else:
                ended.set_exception(error)
