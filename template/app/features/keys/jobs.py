"""The job that rotates, and who asks for it: every process that runs jobs looks, now and again.

No schedule of another feature is needed for this: whoever looks asks for one job, and it is the
same one for all who look within the hour.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import cast
from uuid import NAMESPACE_OID, uuid5

import structlog
from sqlalchemy import Table
from sqlalchemy.exc import SQLAlchemyError

from app.core import job_hooks
from app.core.database import Database
from app.core.inserting import inserted
from app.core.jobs import Attempt, job, wait_for_event
from app.core.logging import correlation_id
from app.core.outbox import OutboxRow, queue_of
from app.core.runner import JobProcess, surround
from app.features.keys import process, rotation
from app.features.keys.keyset import forget, keyset
from app.features.keys.states import State

logger = structlog.get_logger(__name__)

ROTATE = "keys.rotate"
_OUTBOX = cast("Table", OutboxRow.__table__)


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


async def _look(database: Database, stop: asyncio.Event) -> None:
    every = process.own().keys_look
    while not stop.is_set():
        try:
            await ask_if_due(database)
        except Exception:
            logger.exception("keys.look_failed")
        await wait_for_event(stop, within=every)


async def ask_if_due(database: Database) -> bool:
    """Ask for a job where something is due; return whether it is."""
    now = datetime.now(UTC)
    if not rotation.due(await rotation.find(database.reads), now):
        return False
    slot = now.timestamp() // process.own().keys_look.total_seconds()
    row = {
        "id": uuid5(NAMESPACE_OID, f"{ROTATE} {slot:.0f}"),
        "queue": int(queue_of(ROTATE)),
        "actor": ROTATE,
        "arguments": {},
        "correlation_id": correlation_id(),
        "headers": job_hooks.headers(),
        "created_at": now,
        "due_at": now,
        "attempts": 0,
    }
    async with database.writes() as session:
        await inserted(session, _OUTBOX, row)
    return True
