"""The job that imports a file: it checks all of it each time that it is begun, and then writes."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import structlog

from app.core.jobs import Attempt, job
from app.core.outbox import Queue, Superseded
from app.features.transfers.declared import declared
from app.features.transfers.errors import Stopped
from app.features.transfers.incoming import checking, imports, reports, writing
from app.features.transfers.incoming.checking import Work, in_thread
from app.features.transfers.incoming.imports import IMPORT, Running
from app.features.transfers.incoming.models import Mode, State
from app.features.transfers.incoming.staging import Staging
from app.features.transfers.incoming.tables import Unreadable
from app.features.transfers.storage import PARTIAL, local, storage, workplace

logger = structlog.get_logger(__name__)

MOST_ATTEMPTS = 8


@job(IMPORT, queue=Queue.LOW, max_attempts=MOST_ATTEMPTS, time_limit=timedelta(hours=12))
async def import_file(attempt: Attempt, import_id: UUID) -> None:
    """Import a file, unless that has ended."""
    running = await imports.begin(attempt.database, import_id, attempt.job)
    if running is None:
        return
    try:
        await _import(attempt, running)
    except (Stopped, Superseded):
        # Nobody waits for it, or a later attempt does it; the job is fenced itself.
        logger.info("import.stopped", import_id=str(import_id))
    except Unreadable as error:
        await _fail(attempt, running, str(error))
    except Exception as error:
        if attempt.finished or attempt.job.attempts < MOST_ATTEMPTS:
            raise
        logger.exception("import.failed", import_id=str(import_id))
        await _fail(attempt, running, f"{type(error).__name__}: {error}")


async def _import(attempt: Attempt, running: Running) -> None:
    transfer = declared()[running.transfer]
    async with local(running.file, running.bytes) as path:
        table, columns = await in_thread(checking.opened, path, transfer, running.stated)
        with closing(table), closing(Staging()) as staging:
            state, values = await _work(Work(attempt, running, table, columns, staging))
    if not attempt.finished:
        async with attempt.finishes() as session:
            await imports.end(session, running, state, **values)


async def _work(work: Work) -> tuple[State, dict[str, object]]:
    """Check and write, and return how it has ended; where all is written the job has ended too."""
    counted = await checking.check(work)
    counts = {"rows": counted.rows, "valid": counted.valid}
    await imports.progress(work.database, work.running, state=State.WRITING, **counts)
    state = State.DONE
    match work.running.mode:
        case Mode.VALIDATE:
            counts |= {"created": counted.valid - counted.known, "updated": counted.known}
        case Mode.PARTIAL:
            await writing.write_partial(work)
            await writing.stage_refused(work)
        case Mode.ALL:
            if counted.valid == counted.rows:
                errors = await writing.write_all(work, counts)
                await in_thread(work.staging.refuse, errors)
            state = State.DONE if work.attempt.finished else State.REFUSED
    return state, counts | await _reported(work)


async def _reported(work: Work) -> dict[str, object]:
    """Store the report of bad rows, where there are any, and return what is to be said of it."""
    bad = await in_thread(work.staging.count_bad)
    if bad == 0:
        return {"bad": 0}
    folder, attempt = work.running.folder, work.running.attempt
    name = f"{folder}/report-{attempt}.{work.table.format}"
    async with workplace(f"{folder}/{attempt}") as place:
        part = place / f"report{PARTIAL}"
        size = await in_thread(_write_report, work, part)
        await storage().publish(part, name)
    return {"bad": bad, "report": name, "report_bytes": size}


def _write_report(work: Work, path: Path) -> int:
    return reports.write_report(work.table, work.staging.bad(), path)


async def _fail(attempt: Attempt, running: Running, error: str) -> None:
    async with attempt.finishes() as session:
        await imports.fail(session, running, error)
