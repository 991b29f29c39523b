"""The outbox: a job is a row, written in the transaction that wants it done.

The row is the job for all of its life. It is sent to a worker when due, claimed by the attempt that
runs it, and deleted in the very transaction that holds the job's effect: no job without its row, no
row without its job, no effect twice, whatever dies in between. Brokers only carry word of rows.

`due_at` says when the row wants to be sent next: at once when it is new, later while it waits in a
queue or an attempt holds its lease, after a pause when an attempt has failed, never (NULL) when it
is dead. `began_at` is set while an attempt runs. `attempts` fences: only the latest attempt can
renew, finish or fail the job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import IntEnum
from typing import cast
from uuid import UUID, uuid4

from pydantic import JsonValue
from pydantic_core import to_jsonable_python
from sqlalchemy import (
    JSON,
    ColumnElement,
    CursorResult,
    Index,
    SmallInteger,
    String,
    Table,
    Text,
    Update,
    bindparam,
    delete,
    insert,
    not_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core import job_hooks
from app.core.database import Base, ReadConnection, WriteSession
from app.core.logging import correlation_id

LONGEST_ERROR = 4000
# Which queue a kind of job waits in; `job` tells it.
QUEUES: dict[str, Queue] = {}


class Queue(IntEnum):
    """How urgent a job is; the smaller the number, the sooner."""

    HIGH = 0
    DEFAULT = 1
    LOW = 2

    @property
    def label(self) -> str:
        return self.name.lower()

    @classmethod
    def of(cls, label: str) -> Queue:
        return cls[label.upper()]


def queue_of(actor: str) -> Queue:
    """Return the queue of an actor's jobs; the default one for an actor that only others know."""
    return QUEUES.get(actor, Queue.DEFAULT)


class OutboxRow(Base):
    """A job that is not finished."""

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "queue", "due_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    queue: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    actor: Mapped[str] = mapped_column(String(100))
    arguments: Mapped[dict[str, JsonValue]] = mapped_column(JSON)
    correlation_id: Mapped[str] = mapped_column(String(64))
    headers: Mapped[dict[str, str]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    began_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)


@dataclass(frozen=True)
class Job:
    """What a broker carries: enough to run one attempt. `attempts` are those begun before it.

    `headers` are what hooks sent along with it.
    """

    id: UUID
    actor: str
    arguments: Mapping[str, JsonValue]
    correlation_id: str
    headers: Mapping[str, str]
    attempts: int


class Superseded(Exception):
    """Another attempt has finished this job or has taken it over; this one must leave no effect."""


_ROW = cast("Table", OutboxRow.__table__)
_JOB = [_ROW.c[each.name] for each in fields(Job)]
_INSERT = insert(OutboxRow)
_IS_DUE = _ROW.c.due_at <= bindparam("now")
_ANY_DUE = select(_ROW.c.id).where(_ROW.c.queue.in_(map(int, Queue)), _IS_DUE).limit(1)
# One queue at a time: then the index gives the rows in order, however many wait behind them.
_DUE = (
    select(*_JOB)
    .where(_ROW.c.queue == bindparam("queue"), _IS_DUE)
    .order_by(_ROW.c.due_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True, of=OutboxRow)
)

# On the table, and not the mapped class: bulk updates of the ORM cost twice the CPU.
_OURS = _ROW.c.id == bindparam("job"), _ROW.c.attempts == bindparam("attempt")
_FINISH = delete(_ROW).where(*_OURS)
_FENCED = update(_ROW).where(*_OURS, _ROW.c.due_at.is_not(None))

Condition = ColumnElement[bool]
_holds: list[Callable[[], Condition]] = []


def hold_while(condition: Callable[[], Condition]) -> None:
    """Send no job, however long it is due, while `condition()` is true in the database."""
    _holds.append(condition)


def _not_held() -> Sequence[Condition]:
    return [not_(condition()) for condition in _holds]


async def enqueue(session: WriteSession, actor: str, **arguments: object) -> UUID:
    """Ask for a job by its actor's name; it exists if and only if this transaction commits.

    `arguments` are stored as JSON (UUIDs and times as strings) and reach the actor typed again.
    """
    return await enqueue_at(session, datetime.now(UTC), actor, **arguments)


async def enqueue_at(
    session: WriteSession, due_at: datetime, actor: str, **arguments: object
) -> UUID:
    """Ask for a job that waits until `due_at`; the rest is as for `enqueue`."""
    now = datetime.now(UTC)
    stored: dict[str, JsonValue] = to_jsonable_python(arguments)
    job = Job(uuid4(), actor, stored, correlation_id(), job_hooks.headers(), attempts=0)
    values = {"queue": int(queue_of(actor)), "created_at": min(now, due_at), "due_at": due_at}
    await session.execute(_INSERT, vars(job) | values)
    if due_at <= now:
        session.info.setdefault(OutboxRow, []).append(job)
    return job.id


def asked_for(session: WriteSession) -> Sequence[Job]:
    return cast("Sequence[Job]", session.info.get(OutboxRow, []))


async def any_due(connection: ReadConnection) -> bool:
    """Say whether a sweep would find something; costs one index look-up and no lock."""
    found = await connection.execute(_ANY_DUE.where(*_not_held()), {"now": datetime.now(UTC)})
    return found.first() is not None


async def take_due(
    session: WriteSession, *, resend_at: datetime, room: Mapping[Queue, int]
) -> Sequence[Job]:
    """Take jobs to send now, the most urgent first, no more than the largest room of a queue.

    They become due again at `resend_at`, in case nobody begins them.
    """
    jobs: list[Job] = []
    for queue in Queue:
        limit = min(room[queue], max(room.values()) - len(jobs))
        if limit > 0:
            values = {"now": datetime.now(UTC), "queue": int(queue), "limit": limit}
            rows = await session.execute(_DUE.where(*_not_held()), values)
            jobs += [Job(**row) for row in rows.mappings()]
    if jobs:
        await session.execute(_of(jobs).values(due_at=resend_at, began_at=None))
    return jobs


async def sent(session: WriteSession, jobs: Sequence[Job], *, resend_at: datetime) -> None:
    """Say that jobs were sent before anybody took them; those that are held stay due."""
    await session.execute(_waiting(jobs).where(*_not_held()).values(due_at=resend_at))


async def give_back(session: WriteSession, jobs: Sequence[Job]) -> None:
    """Return jobs that could not be sent or begun; those that somebody has begun stay his."""
    await session.execute(_waiting(jobs).values(due_at=datetime.now(UTC)))


def _of(jobs: Sequence[Job]) -> Update:
    return update(OutboxRow).where(OutboxRow.id.in_([job.id for job in jobs]))


def _waiting(jobs: Sequence[Job]) -> Update:
    return _of(jobs).where(OutboxRow.began_at.is_(None), OutboxRow.due_at.is_not(None))


async def begin(session: WriteSession, job: Job, *, lease_until: datetime) -> Job | None:
    """Claim the next attempt of `job`; None when it is finished, dead, or another's by now."""
    began_at = datetime.now(UTC)
    values = {"attempts": job.attempts + 1, "due_at": lease_until, "began_at": began_at}
    if not await _fenced_update(session, job, **values):
        return None
    return replace(job, attempts=job.attempts + 1)


async def renew(session: WriteSession, job: Job, *, lease_until: datetime) -> bool:
    return await _fenced_update(session, job, due_at=lease_until)


async def finish(session: WriteSession, job: Job) -> None:
    """End `job` in this transaction, together with its effect.

    Raises Superseded when a later attempt has it, so that this transaction rolls back.
    """
    gone = await session.execute(_FINISH, {"job": job.id, "attempt": job.attempts})
    if cast("CursorResult[object]", gone).rowcount == 0:
        raise Superseded(job.id)


async def fail(session: WriteSession, job: Job, *, due_at: datetime | None, error: str) -> bool:
    """Record a failed attempt; the next one is due at `due_at`.

    Without that it was the last: the row stays, with its error, and is never sent again.
    """
    kept = error[-LONGEST_ERROR:]
    return await _fenced_update(session, job, due_at=due_at, began_at=None, error=kept)


async def _fenced_update(session: WriteSession, job: Job, **values: object) -> bool:
    fence = {"job": job.id, "attempt": job.attempts}
    result = await session.execute(_FENCED.values(**values), fence)
    return cast("CursorResult[object]", result).rowcount == 1
