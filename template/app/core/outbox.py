"""The outbox: a job is a row, written in the transaction that wants it done.

The row is the job for all of its life. When it is due, a process that knows its actor claims it,
together with others; it is deleted in the very transaction that holds the job's effect: no job
without its row, no row without its job, no effect twice, whatever dies in between. Brokers only
carry word that there are rows.

`due_at` says when the row wants to be claimed next: at once when it is new, when the lease of the
attempt that runs it has run out, after a pause when an attempt has failed, never (NULL) when it is
dead. `began_at` is set while an attempt runs. `attempts` fences: only the latest attempt can renew,
finish or fail the job.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
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
    Text,
    bindparam,
    delete,
    exists,
    insert,
    not_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core import job_hooks
from app.core.database import Base, ReadConnection, WriteSession, table_of
from app.core.logging import correlation_id

LONGEST_ERROR = 4000
OLDER = 10
# Which queue a kind of job waits in; `job` tells it.
QUEUES: dict[str, Queue] = {}


class Queue(IntEnum):
    """How urgent a job is; the smaller the number, the sooner.

    Releases before 0.10.0 have them less `OLDER`: what is ours their relays do not sweep.
    """

    HIGH = 10
    DEFAULT = 11
    LOW = 12

    @property
    def label(self) -> str:
        return self.name.lower()

    @classmethod
    def of(cls, label: str) -> Queue:
        return cls[label.upper()]

    @classmethod
    def _missing_(cls, value: object) -> Queue | None:
        return cls(value + OLDER) if isinstance(value, int) and value in range(3) else None


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
    """What one attempt needs. `attempts` are those begun, this one among them.

    `headers` are what hooks sent along with it.
    """

    id: UUID
    actor: str
    arguments: Mapping[str, JsonValue]
    correlation_id: str
    headers: Mapping[str, str]
    attempts: int


@dataclass(frozen=True)
class Claimant:
    """Who claims jobs: of which queues, of which actors, and until when they are its own."""

    queues: Collection[Queue]
    actors: Collection[str]
    lease: timedelta


class Superseded(Exception):
    """Another attempt has finished this job or has taken it over; this one must leave no effect."""


_ROW = table_of(OutboxRow)
_JOB = [_ROW.c[each.name] for each in fields(Job) if each.name != "attempts"]
_INSERT = insert(_ROW)
_IS_DUE = (
    _ROW.c.due_at <= bindparam("now"),
    _ROW.c.actor.in_(bindparam("actors", expanding=True)),
)
_HAVE_DUE = [exists().where(_ROW.c.queue == int(queue), *_IS_DUE) for queue in Queue]
# One queue at a time: then the index gives the rows in order, however many wait behind them.
_DUE = (
    select(*_JOB, (_ROW.c.attempts + 1).label("attempts"))
    .where(_ROW.c.queue == bindparam("queue"), *_IS_DUE)
    .order_by(_ROW.c.due_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True, of=OutboxRow)
)

# On the table, and not the mapped class: bulk updates of the ORM cost twice the CPU.
_CLAIM = update(_ROW).where(_ROW.c.id.in_(bindparam("jobs", expanding=True)))
_OURS = _ROW.c.id == bindparam("job"), _ROW.c.attempts == bindparam("attempt")
_FINISH = delete(_ROW).where(*_OURS)
_FAIL = update(_ROW).where(*_OURS, _ROW.c.due_at.is_not(None))
_ALL_OURS = tuple_(_ROW.c.id, _ROW.c.attempts).in_(bindparam("jobs", expanding=True))
_FINISH_ALL = delete(_ROW).where(_ALL_OURS)
_RENEW = update(_ROW).where(_ALL_OURS, _ROW.c.began_at.is_not(None), _ROW.c.due_at.is_not(None))

Condition = ColumnElement[bool]
_holds: list[Callable[[], Condition]] = []


def hold_while(condition: Callable[[], Condition]) -> None:
    """Claim no job, however long it is due, while `condition()` is true in the database."""
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
        session.info.setdefault(OutboxRow, Counter())[queue_of(actor)] += 1
    return job.id


def asked_for(session: WriteSession) -> Mapping[Queue, int]:
    """Return how many jobs of each queue this transaction has asked for that are due."""
    return cast("Mapping[Queue, int]", session.info.get(OutboxRow, {}))


async def due_queues(connection: ReadConnection, claimant: Claimant) -> Sequence[Queue]:
    """Return the queues in which a claim would find something; takes no lock."""
    values = {"actors": claimant.actors, "now": datetime.now(UTC)}
    held = [condition().label(None) for condition in _holds]
    row = (await connection.execute(select(*_HAVE_DUE, *held), values)).one()
    if any(row[len(Queue) :]):
        return []
    found = (queue for queue, has_due in zip(Queue, row, strict=False) if has_due)
    return [queue for queue in found if queue in claimant.queues]


async def unknown(
    connection: ReadConnection, actors: Collection[str], before: datetime
) -> Sequence[str]:
    """Return the actors not among these whose jobs were due before that, and nobody has begun."""
    late = _ROW.c.due_at < before, _ROW.c.began_at.is_(None), _ROW.c.actor.not_in(actors)
    found = await connection.execute(select(_ROW.c.actor).where(*late).distinct())
    return found.scalars().all()


async def claim(session: WriteSession, claimant: Claimant, most: int) -> Sequence[Job]:
    """Begin the next attempts of jobs that are due, the most urgent first."""
    now = datetime.now(UTC)
    jobs: list[Job] = []
    for queue in sorted(claimant.queues):
        values = {"queue": queue, "actors": claimant.actors, "now": now, "limit": most - len(jobs)}
        rows = await session.execute(_DUE.where(*_not_held()), values)
        jobs += [Job(**row) for row in rows.mappings()]
        if len(jobs) >= most:
            break
    if jobs:
        until = {"attempts": _ROW.c.attempts + 1, "due_at": now + claimant.lease, "began_at": now}
        await session.execute(_CLAIM.values(until), {"jobs": [job.id for job in jobs]})
    return jobs


async def renew(session: WriteSession, jobs: Iterable[Job], lease: timedelta) -> None:
    """Keep jobs that run; one that has ended or is another's by now stays as it is."""
    until = {"due_at": datetime.now(UTC) + lease}
    await session.execute(_RENEW.values(until), {"jobs": [_fence(job) for job in jobs]})


async def finish(session: WriteSession, job: Job) -> None:
    """End `job` in this transaction, together with its effect.

    Raises Superseded when a later attempt has it, so that this transaction rolls back.
    """
    gone = await session.execute(_FINISH, {"job": job.id, "attempt": job.attempts})
    if cast("CursorResult[object]", gone).rowcount == 0:
        raise Superseded(job.id)


async def finish_all(session: WriteSession, jobs: Sequence[Job]) -> None:
    """End jobs; raises Superseded when a later attempt has one of them."""
    gone = await session.execute(_FINISH_ALL, {"jobs": [_fence(job) for job in jobs]})
    if cast("CursorResult[object]", gone).rowcount < len(jobs):
        raise Superseded


async def fail(session: WriteSession, job: Job, *, due_at: datetime | None, error: str) -> None:
    """Record a failed attempt; the next one is due at `due_at`.

    Without that it was the last: the row stays, with its error, and is never claimed again.
    """
    values = {"due_at": due_at, "began_at": None, "error": error[-LONGEST_ERROR:]}
    await session.execute(_FAIL.values(values), {"job": job.id, "attempt": job.attempts})


def _fence(job: Job) -> tuple[UUID, int]:
    return job.id, job.attempts
