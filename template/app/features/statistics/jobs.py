"""The job that rolls up, and who asks for it: every process that runs jobs looks, now and again.

No schedule of another feature is needed for this. Two that look at once ask for two jobs, which
would do the same work once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import structlog
from sqlalchemy import select

from app.core import outbox
from app.core.business_days import begin_of, day_of
from app.core.database import Database
from app.core.jobs import Attempt, job, wait_for_event
from app.core.outbox import OutboxRow, Queue
from app.core.runner import JobProcess, surround
from app.features.statistics.declared import Source, sources
from app.features.statistics.rollup import NotWatched, roll_up
from app.features.statistics.settings import own, zone
from app.features.statistics.states import first_mark, look

logger = structlog.get_logger(__name__)

ROLL_UP = "statistics.roll_up"
# Then the next job goes on, so that none is cut off.
LONGEST = 20.0
_WAITING = select(OutboxRow.id).where(OutboxRow.actor == ROLL_UP, OutboxRow.due_at.is_not(None))


@job(ROLL_UP, queue=Queue.LOW)
async def roll_up_all(attempt: Attempt) -> None:
    """Do what is to be done; done twice, the second time finds nothing."""
    end = time.monotonic() + LONGEST
    for source in sources().values():
        while await _rolled(attempt.database, source):
            if time.monotonic() > end:
                async with attempt.finishes() as session:
                    await outbox.enqueue(session, ROLL_UP)
                return


async def _rolled(database: Database, source: Source) -> bool:
    try:
        return await roll_up(database, source, zone(), datetime.now(UTC))
    except NotWatched as error:
        logger.warning("statistics.not_watched", source=source.name, why=str(error))
        return False


@surround
@asynccontextmanager
async def rolled_up(jobs: JobProcess) -> AsyncIterator[None]:
    """Look after the statistics in every process that runs jobs."""
    stop = asyncio.Event()
    looking = asyncio.create_task(_look(jobs.database, stop))
    try:
        yield
    finally:
        stop.set()
        await looking


async def _look(database: Database, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await ask_if_due(database)
        except Exception:
            logger.exception("statistics.look_failed")
        await wait_for_event(stop, within=own().statistics_look)


async def ask_if_due(database: Database) -> bool:
    """Ask for a job where something is due and none is asked for; return whether it is due."""
    reads = database.reads
    if not any([await _is_due(database, source) for source in sources().values()]):
        return False
    if (await reads.execute(_WAITING)).first() is None:
        async with database.writes() as session:
            await outbox.enqueue(session, ROLL_UP)
    return True


async def _is_due(database: Database, source: Source) -> bool:
    state = await look(database.reads, source, zone())
    if state is None or state.rolled_until is None:
        return state is None or state.is_watched
    today = begin_of(day_of(datetime.now(UTC), zone()), zone())
    late = await first_mark(database.reads, source, state.rolled_until)
    return state.rolled_until < today or late is not None
