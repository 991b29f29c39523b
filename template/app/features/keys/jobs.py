"""The job that rotates, and who asks for it: every process that runs jobs looks, now and again.

No schedule of another feature is needed for this. Whoever looks asks for a job unless one waits;
two of them would do what is due once all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.core import outbox
from app.core.database import Database
from app.core.jobs import Attempt, job, wait_for_event
from app.core.outbox import OutboxRow
from app.core.runner import JobProcess, surround
from app.features.keys import process, rotation
from app.features.keys.keyset import forget, keyset
from app.features.keys.states import State
from app.settings import Settings

logger = structlog.get_logger(__name__)

ROTATE = "keys.rotate"
_WAITING = select(OutboxRow.id).where(OutboxRow.actor == ROTATE, OutboxRow.due_at.is_not(None))


@job(ROTATE)
async def rotate(attempt: Attempt) -> None:
    """Do what is due; done twice, the second time finds nothing."""
    await rotation.rotate(attempt.database)


@surround
@asynccontextmanager
async def rotated(jobs: JobProcess) -> AsyncIterator[None]:
    """Look after the keys in every process that runs jobs."""
    await begin(jobs.database)
    stop = asyncio.Event()
    looking = asyncio.create_task(_look(jobs.database, stop))
    try:
        yield
    finally:
        stop.set()
        await looking


async def begin(database: Database) -> None:
    """Make the first keys; raises UnknownMasterKey where those that there are cannot be used."""
    try:
        keys = await keyset(database.reads)
        keys.require_usable()
        if any(not keys.of(kind, *State) for kind in process.own().keys_kinds):
            await rotation.rotate(database)
            forget()
    except (SQLAlchemyError, OSError):
        logger.warning("keys.not_made", exc_info=True)


async def require_usable(settings: Settings) -> None:
    """Raise UnknownMasterKey where the database has keys that cannot be used."""
    database = Database(settings.database_url, settings.database_wait)
    try:
        with suppress(SQLAlchemyError, OSError):
            (await keyset(database.reads)).require_usable()
    finally:
        await database.close()


async def _look(database: Database, stop: asyncio.Event) -> None:
    every = process.own().keys_look
    while not stop.is_set():
        try:
            await ask_if_due(database)
        except Exception:
            logger.exception("keys.look_failed")
        await wait_for_event(stop, within=every)


async def ask_if_due(database: Database) -> bool:
    """Ask for a job where something is due and none is asked for; return whether it is due."""
    reads = database.reads
    if not rotation.due(await rotation.find(reads), datetime.now(UTC)):
        return False
    if (await reads.execute(_WAITING)).first() is None:
        async with database.writes() as session:
            await outbox.enqueue(session, ROTATE)
    return True
