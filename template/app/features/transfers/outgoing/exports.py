"""What can be done with exports. The caller owns the transaction where it gives a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, CursorResult, Row, exists, insert, select, update

from app.core import outbox
from app.core.database import Database, ReadConnection, WriteSession
from app.core.errors import Conflict, NotFound
from app.core.listing import PageQuery
from app.core.outbox import OutboxRow
from app.core.pruning import BATCH, prune
from app.features.transfers import settings
from app.features.transfers.declared import Transfer
from app.features.transfers.errors import Gone, Stopped
from app.features.transfers.outgoing.models import EXPORTS, UNFINISHED, Format, State
from app.features.transfers.outgoing.schemas import ExportOut, Manifest
from app.features.transfers.storage import remove

EXPORT = "transfers.export"
LONGEST_ERROR = 500
LONGEST_REQUESTER = 200
# The first attempt of a job is 1.
NO_ATTEMPT = 0


@dataclass(frozen=True)
class Running:
    """What one attempt makes."""

    id: UUID
    transfer: str
    format: Format
    query: dict[str, str]
    requester: str | None
    created_at: datetime
    attempt: int

    @property
    def folder(self) -> str:
        """Where its files are: no other attempt has any there."""
        return f"{folder_of(self.id)}/{self.attempt}"

    @property
    def earlier_folders(self) -> Sequence[str]:
        return [f"{folder_of(self.id)}/{each}" for each in range(1, self.attempt)]


def folder_of(export: UUID) -> str:
    return f"exports/{export}"


async def request(
    session: WriteSession,
    transfer: Transfer,
    format_: Format,
    query: PageQuery,
    requester: str | None,
) -> ExportOut:
    """Ask for an export; it is made if and only if this transaction commits."""
    row: dict[str, Any] = dict.fromkeys(each.name for each in EXPORTS.c)
    row |= {"id": uuid4(), "transfer": transfer.name, "format": format_, "query": query.asked()}
    row |= {"requester": requester and requester[:LONGEST_REQUESTER]}
    row |= {"state": State.QUEUED, "attempt": NO_ATTEMPT, "rows": 0}
    row["created_at"] = datetime.now(UTC)
    row["job_id"] = await outbox.enqueue(session, EXPORT, export=row["id"])
    await session.execute(insert(EXPORTS), row)
    return ExportOut.model_validate(row)


async def get(reads: ReadConnection, transfer: str, export: UUID) -> Row[Any]:
    """Return an export; raises NotFound."""
    wanted = select(EXPORTS).where(EXPORTS.c.id == export, EXPORTS.c.transfer == transfer)
    found = (await reads.execute(wanted)).one_or_none()
    if found is None:
        raise NotFound(f"there is no export {export} of {transfer}")
    return found


async def file_of(reads: ReadConnection, transfer: str, export: UUID) -> Row[Any]:
    """Return an export whose file can be fetched; raises NotFound, Conflict or Gone."""
    found = await get(reads, transfer, export)
    if found.state in UNFINISHED:
        raise Conflict(f"the export is {found.state}: its file can be fetched once it is ready")
    if found.state in (State.FAILED, State.CANCELLED):
        raise Conflict(f"the export is {found.state}, and has no file")
    if found.state == State.EXPIRED or found.expires_at <= datetime.now(UTC):
        raise Gone("the file has expired: ask for another export")
    return found


async def cancel(session: WriteSession, transfer: str, export: UUID) -> ExportOut:
    """End an export before its time; raises NotFound, and Conflict where it has ended."""
    wanted = select(EXPORTS).where(EXPORTS.c.id == export, EXPORTS.c.transfer == transfer)
    found = (await session.execute(wanted.with_for_update())).mappings().one_or_none()
    if found is None:
        raise NotFound(f"there is no export {export} of {transfer}")
    values: dict[str, Any] = {}
    if found["state"] in UNFINISHED:
        values = {"state": State.CANCELLED, "ended_at": datetime.now(UTC)}
        await session.execute(update(EXPORTS).where(EXPORTS.c.id == export).values(**values))
    elif found["state"] != State.CANCELLED:
        raise Conflict(f"the export is {found['state']}")
    return ExportOut.model_validate({**found, **values})


async def begin(database: Database, export: UUID, attempt: int) -> Running | None:
    """Let an attempt be the one that writes; None where there is nothing to do any more."""
    is_ours = EXPORTS.c.id == export, EXPORTS.c.attempt < attempt, EXPORTS.c.state.in_(UNFINISHED)
    values = {"state": State.RUNNING, "attempt": attempt, "rows": 0, "began_at": datetime.now(UTC)}
    async with database.writes() as session:
        result = await session.execute(update(EXPORTS).where(*is_ours).values(**values))
    if _count(result) == 0:
        return None
    wanted = select(*(EXPORTS.c[each.name] for each in fields(Running)))
    found = (await database.reads.execute(wanted.where(EXPORTS.c.id == export))).mappings().one()
    return Running(**{**found, "format": Format(found["format"])})


async def require_running(reads: ReadConnection, running: Running) -> None:
    """Raise Stopped unless this attempt may go on."""
    if (await reads.execute(select(EXPORTS.c.id).where(*_ours(running)))).first() is None:
        raise Stopped


async def progress(database: Database, running: Running, **values: object) -> None:
    """Write down how far an attempt is; raises Stopped unless it may go on."""
    async with database.writes() as session:
        await _update(session, running, **values)


async def ready(session: WriteSession, running: Running, file: str, manifest: Manifest) -> None:
    """Let the file be fetched; raises Stopped where the export was cancelled meanwhile."""
    now = datetime.now(UTC)
    values = manifest.model_dump(include={"columns", "snapshot_at", "rows", "bytes", "sha256"})
    values |= {"state": State.READY, "file": file, "ended_at": now}
    values["expires_at"] = now + settings.own().transfers_keep
    await _update(session, running, **values)


async def fail(session: WriteSession, running: Running, error: str) -> None:
    """Say why there will be no file; raises Stopped where nobody waits for one."""
    now = datetime.now(UTC)
    values = {"state": State.FAILED, "error": error[:LONGEST_ERROR], "ended_at": now}
    await _update(session, running, **values)


async def forget(database: Database) -> int:
    """Do a batch of what is to be done now and again; return how many that were at most.

    Files that have expired are removed, then whatever had to be remembered long enough. An export
    whose job has died with its process, time after time, has failed.
    """
    expired = await _expire(database)
    await _fail_lost(database)
    old = EXPORTS.c.created_at < datetime.now(UTC) - settings.own().transfers_remember
    has_ended = EXPORTS.c.state.in_((State.FAILED, State.CANCELLED, State.EXPIRED))
    return max(expired, await prune(database, EXPORTS.c.id, old & has_ended))


async def sweep(reads: ReadConnection, export: UUID) -> None:
    """Remove what a process that was killed has left of an export that has ended since."""
    has_none = EXPORTS.c.state.in_((State.FAILED, State.CANCELLED))
    wanted = select(EXPORTS.c.id).where(EXPORTS.c.id == export, has_none)
    if (await reads.execute(wanted)).first() is not None:
        await remove(folder_of(export))


async def _expire(database: Database) -> int:
    is_old = EXPORTS.c.state == State.READY, EXPORTS.c.expires_at <= datetime.now(UTC)
    wanted = select(EXPORTS.c.id).where(*is_old).limit(BATCH)
    found = (await database.reads.execute(wanted)).scalars().all()
    for each in found:
        # The file first: whoever is killed in between does it again.
        await remove(folder_of(each))
        async with database.writes() as session:
            expiring = update(EXPORTS).where(EXPORTS.c.id == each, *is_old)
            await session.execute(expiring.values(state=State.EXPIRED, file=None))
    return len(found)


async def _fail_lost(database: Database) -> None:
    alive = exists().where(OutboxRow.id == EXPORTS.c.job_id, OutboxRow.due_at.is_not(None))
    is_lost = EXPORTS.c.state.in_(UNFINISHED), ~alive
    found = (await database.reads.execute(select(EXPORTS.c.id).where(*is_lost))).scalars().all()
    for each in found:
        await remove(folder_of(each))
        values = {"state": State.FAILED, "error": "its job has ended before it"}
        async with database.writes() as session:
            failing = update(EXPORTS).where(EXPORTS.c.id == each, *is_lost)
            await session.execute(failing.values(**values, ended_at=datetime.now(UTC)))


def _ours(running: Running) -> tuple[ColumnElement[bool], ...]:
    return (
        EXPORTS.c.id == running.id,
        EXPORTS.c.attempt == running.attempt,
        EXPORTS.c.state == State.RUNNING,
    )


async def _update(session: WriteSession, running: Running, **values: object) -> None:
    result = await session.execute(update(EXPORTS).where(*_ours(running)).values(**values))
    if _count(result) == 0:
        raise Stopped


def _count(result: object) -> int:
    return cast("CursorResult[Any]", result).rowcount
