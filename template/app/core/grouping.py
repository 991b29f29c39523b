"""Several attempts in one transaction, of kinds of jobs that say `group=True`.

Where one of them fails, none has had an effect, and each is attempted for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from app.core import job_hooks, jobs, outbox
from app.core.database import Database, WriteSession
from app.core.jobs import Attempt
from app.core.outbox import Job

logger = structlog.get_logger(__name__)


class Broken(Exception):
    """An effect has failed in the transaction of all, and its function went on."""


class SharingAttempt(Attempt):
    """An attempt that finishes in a transaction which others share, and which has ended its job."""

    def __init__(self, database: Database, job: Job, session: WriteSession) -> None:
        super().__init__(database, job)
        self.broken = False
        self._session = session

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[WriteSession]:
        self.broken = True
        yield self._session
        self.broken = False


async def run_together(database: Database, group: Sequence[Job]) -> None:
    """Run attempts that were claimed, one after the other, and record how they ended."""
    if len(group) == 1:
        return await jobs.run(database, group[0])
    try:
        async with database.writes() as session:
            await outbox.finish_all(session, group)
            for job in group:
                await _attempt(SharingAttempt(database, job, session))
    except asyncio.CancelledError:
        for job in group:
            await jobs.give_back(database, job)
        raise
    except Exception as error:  # noqa: BLE001 - whose it is, it will say again
        logger.info("jobs.ungrouped", jobs=len(group), error=repr(error))
        for job in group:
            await jobs.run(database, job)
    else:
        for job in group:
            with jobs.named(job):
                logger.info("job.done")


async def _attempt(attempt: SharingAttempt) -> None:
    with jobs.named(attempt.job), job_hooks.attempt(attempt.job):
        await jobs.call(attempt)
        if attempt.broken:
            raise Broken(attempt.job.id)
