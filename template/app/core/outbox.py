"""The outbox: a job is a row, written in the transaction that wants it done.

The row is the job for all of its life. It is sent to a worker when due, claimed by the attempt that
runs it, and deleted in the very transaction that holds the job's effect: no job without its row, no
row without its job, no effect twice, whatever dies in between. Brokers only carry word of rows.

`due_at` says when the row wants to be sent next: at once when it is new, later while it waits in a
queue or an attempt holds its lease, after a pause when an attempt has failed, never (NULL) when it
is dead. `attempts` fences: only the latest attempt can renew, finish or fail the job.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import cast
from uuid import UUID, uuid4

from pydantic import JsonValue
from pydantic_core import to_jsonable_python
from sqlalchemy import (
    JSON,
    CursorResult,
    Index,
    String,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core import observers
from app.core.database import Base, ReadConnection, WriteSession
from app.core.logging import correlation_id

LONGEST_ERROR = 4000


class OutboxRow(Base):
    """A job that is not finished."""

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "due_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    actor: Mapped[str] = mapped_column(String(100))
    arguments: Mapped[dict[str, JsonValue]] = mapped_column(JSON)
    correlation_id: Mapped[str] = mapped_column(String(64))
    headers: Mapped[dict[str, str]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)


@dataclass(frozen=True)
class Job:
    """What a broker carries: enough to run one attempt. `attempts` are those begun before it.

    `headers` are what observers of the enqueuing sent along with it.
    """

    id: UUID
    actor: str
    arguments: Mapping[str, JsonValue]
    correlation_id: str
    headers: Mapping[str, str]
    attempts: int


class Superseded(Exception):
    """Another attempt has finished this job or has taken it over; this one must leave no effect."""


_ROW = OutboxRow.__table__
_INSERT = insert(OutboxRow)
_ANY_DUE = select(_ROW.c.id).where(_ROW.c.due_at <= bindparam("now")).limit(1)
_DUE = (
    select(
        _ROW.c.id,
        _ROW.c.actor,
        _ROW.c.arguments,
        _ROW.c.correlation_id,
        _ROW.c.headers,
        _ROW.c.attempts,
    )
    .where(_ROW.c.due_at <= bindparam("now"))
    .order_by(_ROW.c.due_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)


async def enqueue(session: WriteSession, actor: str, **arguments: object) -> UUID:
    """Ask for a job by its actor's name; it exists if and only if this transaction commits.

    `arguments` are stored as JSON (UUIDs and times as strings) and reach the actor typed again.
    """
    job_id, now = uuid4(), datetime.now(UTC)
    await session.execute(
        _INSERT,
        {
            "id": job_id,
            "actor": actor,
            "arguments": to_jsonable_python(arguments),
            "correlation_id": correlation_id(),
            "headers": observers.headers(),
            "created_at": now,
            "due_at": now,
            "attempts": 0,
        },
    )
    session.info[OutboxRow] = True
    return job_id


def has_jobs(session: WriteSession) -> bool:
    """Say whether a job was asked for in this session."""
    return OutboxRow in session.info


async def any_due(connection: ReadConnection) -> bool:
    """Say whether a sweep would find something; costs one index look-up and no lock."""
    found = await connection.execute(_ANY_DUE, {"now": datetime.now(UTC)})
    return found.first() is not None


async def take_due(session: WriteSession, *, resend_at: datetime, limit: int) -> Sequence[Job]:
    """Take jobs to send now; they become due again at `resend_at`, in case nobody begins them."""
    rows = await session.execute(_DUE, {"now": datetime.now(UTC), "limit": limit})
    jobs = [Job(**row) for row in rows.mappings()]
    await _reschedule(session, jobs, resend_at)
    return jobs


async def give_back(session: WriteSession, jobs: Sequence[Job], due_at: datetime) -> None:
    """Return jobs that could not be sent."""
    await _reschedule(session, jobs, due_at)


async def _reschedule(session: WriteSession, jobs: Sequence[Job], due_at: datetime) -> None:
    if jobs:
        await session.execute(
            update(OutboxRow)
            .where(OutboxRow.id.in_([job.id for job in jobs]))
            .values(due_at=due_at)
        )


async def begin(session: WriteSession, job: Job, *, lease_until: datetime) -> Job | None:
    """Claim the next attempt of `job`; None when it is finished, dead, or another's by now."""
    began = await _fenced_update(session, job, attempts=job.attempts + 1, due_at=lease_until)
    if not began:
        return None
    return replace(job, attempts=job.attempts + 1)


async def renew(session: WriteSession, job: Job, *, lease_until: datetime) -> bool:
    """Keep a running attempt's lease; False when it is not ours any more."""
    return await _fenced_update(session, job, due_at=lease_until)


async def finish(session: WriteSession, job: Job) -> None:
    """End `job` in this transaction, together with its effect.

    Raises Superseded when a later attempt has it, so that this transaction rolls back.
    """
    gone = await session.execute(
        delete(OutboxRow).where(OutboxRow.id == job.id, OutboxRow.attempts == job.attempts)
    )
    if cast("CursorResult[object]", gone).rowcount == 0:
        raise Superseded(job.id)


async def retry(session: WriteSession, job: Job, *, due_at: datetime, error: str) -> bool:
    """Record a failed attempt; the next one is due at `due_at`."""
    return await _fenced_update(session, job, due_at=due_at, error=error[-LONGEST_ERROR:])


async def bury(session: WriteSession, job: Job, *, error: str) -> bool:
    """Record the last failed attempt; the row stays, with its error, and is never sent again."""
    return await _fenced_update(session, job, due_at=None, error=error[-LONGEST_ERROR:])


async def _fenced_update(session: WriteSession, job: Job, **values: object) -> bool:
    result = await session.execute(
        update(OutboxRow)
        .where(
            OutboxRow.id == job.id,
            OutboxRow.attempts == job.attempts,
            OutboxRow.due_at.is_not(None),
        )
        .values(**values)
    )
    return cast("CursorResult[object]", result).rowcount == 1
