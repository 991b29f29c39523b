"""The job that makes an export: from the beginning, each time that it is begun."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog

from app.core.jobs import Attempt, job
from app.core.outbox import Queue, Superseded
from app.features.transfers.errors import Stopped
from app.features.transfers.outgoing import exports, making
from app.features.transfers.outgoing.exports import EXPORT, Running
from app.features.transfers.outgoing.files import Refused
from app.features.transfers.storage import remove

logger = structlog.get_logger(__name__)

MOST_ATTEMPTS = 8


@job(EXPORT, queue=Queue.LOW, max_attempts=MOST_ATTEMPTS, time_limit=timedelta(hours=6))
async def export(attempt: Attempt, export: UUID) -> None:
    """Make an export, unless it has ended."""
    running = await exports.begin(attempt.database, export, attempt.job.attempts)
    if running is None:
        await exports.sweep(attempt.reads, export)
        return
    try:
        await _make(attempt, running)
    except (Stopped, Superseded):
        # Nobody waits for it, or a later attempt makes it; the job is fenced itself.
        logger.info("export.stopped", export=str(export))
        await remove(running.folder)
    except Refused as error:
        await _fail(attempt, running, str(error))
    except Exception as error:
        if attempt.finished or attempt.job.attempts < MOST_ATTEMPTS:
            raise
        logger.exception("export.failed", export=str(export))
        await _fail(attempt, running, f"{type(error).__name__}: {error}")


async def _make(attempt: Attempt, running: Running) -> None:
    file, manifest = await making.make(attempt.database, running)
    async with attempt.finishes() as session:
        await exports.ready(session, running, file, manifest)


async def _fail(attempt: Attempt, running: Running, error: str) -> None:
    # The file last: if nobody knows how `ready` has ended, it may be fetched.
    with suppress(Stopped):
        async with attempt.finishes() as session:
            await exports.fail(session, running, error)
    await remove(running.folder)
