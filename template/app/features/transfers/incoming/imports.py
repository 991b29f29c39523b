"""What can be done with imports. The caller owns the transaction where it gives a session."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, Row, exists, select, update
from sqlalchemy.exc import OperationalError

from app.core import outbox
from app.core.database import Database, ReadConnection, WriteSession
from app.core.errors import Conflict, NotFound
from app.core.inserting import inserted
from app.core.outbox import Job, OutboxRow
from app.core.pruning import BATCH, prune
from app.features.transfers import settings
from app.features.transfers.errors import Gone, Stopped
from app.features.transfers.incoming.models import (
    IMPORTS,
    LONGEST_ERROR,
    RUNNING,
    UNFINISHED,
    Existing,
    Mode,
    State,
)
from app.features.transfers.incoming.reading import Stated
from app.features.transfers.incoming.schemas import ImportOut, ImportQuery
from app.features.transfers.storage import clear_abandoned, remove, storage

T = TypeVar("T")
Begin = Callable[[], AbstractAsyncContextManager[WriteSession]]

ATTEMPTS = 5
IMPORT = "transfers.import"
# Where files are while they come.
UPLOADS = "uploads"
# What goes on when its file is sent again.
REPEATABLE = (State.RECEIVING, State.REFUSED, State.FAILED, State.CANCELLED)
_NUMBERS = ("attempt", "rows", "valid", "bad", "created", "updated", "unchanged", "written_to")


@dataclass(frozen=True)
class Upload:
    """A file as it came."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Asked:
    """What somebody wants to be imported, and how."""

    transfer: str
    query: ImportQuery
    upload: Upload
    requester: str | None

    @property
    def id(self) -> UUID:
        """The same bytes, to be imported alike, are the same import."""
        asked = [self.transfer, self.query.model_dump(mode="json"), self.upload.sha256]
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode())
        # Of a version, for MariaDB takes no other.
        return UUID(bytes=digest.digest()[:16], version=5)


@dataclass(frozen=True)
class Running:
    """What one attempt works on."""

    id: UUID
    transfer: str
    mode: Mode
    existing: Existing
    stated: Stated
    file: str
    bytes: int
    job_id: UUID
    attempt: int
    written_to: int

    @property
    def folder(self) -> str:
        return folder_of(self.id)


def folder_of(import_id: UUID) -> str:
    return f"imports/{import_id}"


async def receive(begin: Begin, asked: Asked, part: Path) -> ImportOut:
    """Store a file and ask for its import, or return that where it was sent before.

    It is announced first, so that a file that is never used is removed; no transaction waits for
    the storage.
    """
    found, is_needed = await _repeated(begin, _announce, asked)
    if is_needed:
        await storage().publish(part, f"{folder_of(found.id)}/file")
        found = await _repeated(begin, _start, asked)
    return found


async def _repeated(
    begin: Begin, change: Callable[[WriteSession, Asked], Awaitable[T]], asked: Asked
) -> T:
    """Do it in a transaction; where several send the same, InnoDB ends some of them (deadlock)."""
    for _ in range(ATTEMPTS - 1):
        with suppress(OperationalError):
            async with begin() as session:
                return await change(session, asked)
    async with begin() as session:
        return await change(session, asked)


async def _announce(session: WriteSession, asked: Asked) -> tuple[ImportOut, bool]:
    """Return the import of a file, and whether it needs the file.

    One that was refused or cancelled, or has failed, goes on; what of it is written stays so.
    """
    import_id, query = asked.id, asked.query
    kept = {"expires_at": datetime.now(UTC) + settings.own().transfers_keep}
    values = kept | {"state": State.RECEIVING, "file": f"{folder_of(import_id)}/file"}
    row: dict[str, Any] = dict.fromkeys(each.name for each in IMPORTS.c)
    row |= query.model_dump(include={"mode", "existing"}) | vars(asked.upload) | values
    row |= {"id": import_id, "job_id": import_id}
    row |= {"transfer": asked.transfer, "requester": asked.requester}
    row |= {"stated": query.model_dump(include={"encoding", "delimiter"})}
    row |= dict.fromkeys(_NUMBERS, 0) | {"created_at": datetime.now(UTC)}
    await inserted(session, IMPORTS, row)
    found = await _locked(session, asked.transfer, import_id)
    if not _goes_on(found):
        return ImportOut.model_validate(found), False
    await session.execute(update(IMPORTS).where(IMPORTS.c.id == import_id).values(**values))
    return ImportOut.model_validate({**found, **values}), True


async def _start(session: WriteSession, asked: Asked) -> ImportOut:
    """Ask for the job of an import whose file is stored, unless somebody else has."""
    import_id = asked.id
    found = await _locked(session, asked.transfer, import_id)
    if not _goes_on(found):
        return ImportOut.model_validate(found)
    ended = ("error", "ended_at", "expires_at", "report", "report_bytes")
    values: dict[str, Any] = dict.fromkeys(ended)
    values |= {"state": State.QUEUED, "attempt": 0, "rows": 0, "valid": 0, "bad": 0}
    values["job_id"] = await outbox.enqueue(session, IMPORT, import_id=import_id)
    await session.execute(update(IMPORTS).where(IMPORTS.c.id == import_id).values(**values))
    return ImportOut.model_validate({**found, **values})


def _goes_on(found: Mapping[str, Any]) -> bool:
    """Say whether a file is worked on that is sent again: what is stored was another then."""
    validated = (Mode.VALIDATE, State.DONE)
    return found["state"] in REPEATABLE or (found["mode"], found["state"]) == validated


async def get(reads: ReadConnection, transfer: str, import_id: UUID) -> Row[Any]:
    """Return an import; raises NotFound."""
    wanted = select(IMPORTS).where(IMPORTS.c.id == import_id, IMPORTS.c.transfer == transfer)
    found = (await reads.execute(wanted)).one_or_none()
    if found is None:
        raise _not_found(transfer, import_id)
    return found


async def report_of(reads: ReadConnection, transfer: str, import_id: UUID) -> Row[Any]:
    """Return an import whose report can be fetched; raises NotFound, Conflict or Gone."""
    found = await get(reads, transfer, import_id)
    if found.state in UNFINISHED:
        raise Conflict(f"the import is {found.state}: its report is made when it ends")
    if found.bad and (found.report is None or found.expires_at <= datetime.now(UTC)):
        raise Gone("the report has expired")
    if found.report is None:
        raise NotFound("the import has no report: no row of it is bad")
    return found


async def cancel(session: WriteSession, transfer: str, import_id: UUID) -> ImportOut:
    """End an import before its time; raises NotFound, and Conflict where it has ended.

    Batches that are written stay so.
    """
    found = await _locked(session, transfer, import_id)
    values: dict[str, Any] = {}
    if found["state"] in UNFINISHED:
        values = _ended(State.CANCELLED)
        await session.execute(update(IMPORTS).where(IMPORTS.c.id == import_id).values(**values))
    elif found["state"] != State.CANCELLED:
        raise Conflict(f"the import is {found['state']}")
    return ImportOut.model_validate({**found, **values})


async def begin(database: Database, import_id: UUID, job: Job) -> Running | None:
    """Let an attempt be the one that writes; None where there is nothing to do any more."""
    is_ours = (
        IMPORTS.c.id == import_id,
        IMPORTS.c.job_id == job.id,
        IMPORTS.c.attempt < job.attempts,
        IMPORTS.c.state.in_(UNFINISHED),
    )
    values = {"state": State.CHECKING, "attempt": job.attempts, "began_at": datetime.now(UTC)}
    async with database.writes() as session:
        result = await session.execute(update(IMPORTS).where(*is_ours).values(**values))
    if _count(result) == 0:
        return None
    wanted = select(*(IMPORTS.c[name] for name in Running.__annotations__))
    found = (await database.reads.execute(wanted.where(IMPORTS.c.id == import_id))).mappings().one()
    stated, mode, existing = found["stated"], Mode(found["mode"]), Existing(found["existing"])
    return Running(**{**found, "stated": Stated(**stated), "mode": mode, "existing": existing})


async def require_running(reads: ReadConnection, running: Running) -> None:
    """Raise Stopped unless this attempt may go on."""
    if (await reads.execute(select(IMPORTS.c.id).where(*_ours(running)))).first() is None:
        raise Stopped


async def progress(database: Database, running: Running, **values: object) -> None:
    """Write down how far an attempt is; raises Stopped unless it may go on."""
    async with database.writes() as session:
        await note(session, running, **values)


async def note(session: WriteSession, running: Running, **values: object) -> None:
    """Write down what this transaction does; raises Stopped unless this attempt may do it."""
    result = await session.execute(update(IMPORTS).where(*_ours(running)).values(**values))
    if _count(result) == 0:
        raise Stopped


async def end(session: WriteSession, running: Running, state: State, **values: object) -> None:
    """Write down how it has ended; raises Stopped unless this attempt may."""
    await note(session, running, **_ended(state), **values)


async def fail(session: WriteSession, running: Running, error: str) -> None:
    await end(session, running, State.FAILED, error=error[:LONGEST_ERROR])


async def forget(database: Database) -> int:
    """Do a batch of what is to be done now and again; return how many that were at most.

    Files that have expired are removed, then whatever had to be remembered long enough. An import
    whose job has died with its process, time after time, has failed.
    """
    await clear_abandoned(UPLOADS)
    expired = await _expire(database)
    await _fail_lost(database)
    own = settings.own()
    before = datetime.now(UTC) - own.transfers_keep - own.transfers_remember
    old = IMPORTS.c.file.is_(None) & (IMPORTS.c.created_at < before)
    return max(expired, await prune(database, IMPORTS.c.id, old))


async def _expire(database: Database) -> int:
    is_old = IMPORTS.c.expires_at <= datetime.now(UTC), IMPORTS.c.state.not_in(UNFINISHED)
    wanted = select(IMPORTS.c.id).where(*is_old, IMPORTS.c.file.is_not(None)).limit(BATCH)
    found = (await database.reads.execute(wanted)).scalars().all()
    for each in found:
        # The files first: whoever is killed in between does it again.
        await remove(folder_of(each))
        async with database.writes() as session:
            expiring = update(IMPORTS).where(IMPORTS.c.id == each, *is_old)
            await session.execute(expiring.values(file=None, report=None))
    return len(found)


async def _fail_lost(database: Database) -> None:
    alive = exists().where(OutboxRow.id == IMPORTS.c.job_id, OutboxRow.due_at.is_not(None))
    is_lost = IMPORTS.c.state.in_(UNFINISHED), ~alive
    values = _ended(State.FAILED) | {"error": "its job has ended before it"}
    if (await database.reads.execute(select(IMPORTS.c.id).where(*is_lost).limit(1))).first():
        async with database.writes() as session:
            await session.execute(update(IMPORTS).where(*is_lost).values(**values))


async def _locked(session: WriteSession, transfer: str, import_id: UUID) -> Mapping[str, Any]:
    wanted = select(IMPORTS).where(IMPORTS.c.id == import_id, IMPORTS.c.transfer == transfer)
    found = (await session.execute(wanted.with_for_update())).mappings().one_or_none()
    if found is None:
        raise _not_found(transfer, import_id)
    return cast("Mapping[str, Any]", found)


def _ended(state: State) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"state": state, "ended_at": now, "expires_at": now + settings.own().transfers_keep}


def _not_found(transfer: str, import_id: UUID) -> NotFound:
    return NotFound(f"there is no import {import_id} of {transfer}")


def _ours(running: Running) -> tuple[ColumnElement[bool], ...]:
    return (
        IMPORTS.c.id == running.id,
        IMPORTS.c.job_id == running.job_id,
        IMPORTS.c.attempt == running.attempt,
        IMPORTS.c.state.in_(RUNNING),
    )


def _count(result: object) -> int:
    return cast("CursorResult[Any]", result).rowcount
