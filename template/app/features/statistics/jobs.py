"""The job that counts, and who asks for it: every process that runs jobs looks, now and again.

No schedule of another feature is needed for this. Whoever looks asks for a job unless one waits;
two of them count one after the other, and the second finds nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog
from sqlalchemy import select

from app.core import outbox
from app.core.database import Database
from app.core.jobs import Attempt, job, wait_for_event
from app.core.outbox import OutboxRow, Queue
from app.core.runner import JobProcess, surround
from app.features.statistics import counting, settings

logger = structlog.get_logger(__name__)

COUNT = "statistics.count"
_WAITING = select(OutboxRow.id).where(OutboxRow.actor == COUNT, OutboxRow.due_at.is_not(None))


@job(COUNT, queue=Queue.LOW, time_limit=timedelta(hours=6))
async def count(attempt: Attempt) -> None:
    """Count what is due; done twice, the second time finds nothing."""
    await counting.count_all(attempt.database, settings.today(), settings.zone())


@surround
@asynccontextmanager
async def counted(jobs: JobProcess) -> AsyncIterator[None]:
    """Look for what is to be counted in every process that runs jobs."""
    settings.configure(jobs.settings)
    stop = asyncio.Event()
    looking = asyncio.create_task(_look(jobs.database, stop))
    try:
        yield
    finally:
        stop.set()
        await looking


async def _look(database: Database, stop: asyncio.Event) -> None:
    every = settings.own().statistics_look
    # Not at the start: a process that has just begun has others to serve first.
    while not await wait_for_event(stop, within=every):
        try:
            await ask_if_due(database)
        except Exception:
            logger.exception("statistics.look_failed")


async def ask_if_due(database: Database) -> bool:
    """Ask for a job where something is due and none is asked for; return whether it is due."""
    if not await counting.is_due(database.reads, settings.today(), settings.zone()):
        return False
    if (await database.reads.execute(_WAITING)).first() is None:
        async with database.writes() as session:
            await outbox.enqueue(session, COUNT)
    return True
