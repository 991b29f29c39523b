"""Jobs as operators see them: which there are, what became of them, and the dead ones' second life.

Nothing here sends or runs a job; a dead one that is requeued is a new one to everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import cast
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Update,
    and_,
    delete,
    func,
    not_,
    or_,
    select,
    update,
)

from app.core.database import ReadConnection, WriteSession
from app.core.outbox import OutboxRow

_ROW = OutboxRow.__table__


class State(StrEnum):
    """What a job that is not finished does: it waits for a worker, is being run, or has failed."""

    WAITING = "waiting"
    RUNNING = "running"
    DEAD = "dead"


@dataclass(frozen=True)
class JobRecord:
    """A job that is not finished, with all that is known of it."""

    id: UUID
    queue: int
    actor: str
    arguments: dict[str, JsonValue]
    correlation_id: str
    headers: dict[str, str]
    created_at: datetime
    due_at: datetime | None
    began_at: datetime | None
    attempts: int
    error: str | None

    @property
    def state(self) -> State:
        if self.due_at is None:
            return State.DEAD
        # An attempt whose lease has run out is one that died: its job waits again.
        leased = self.began_at is not None and self.due_at > datetime.now(UTC)
        return State.RUNNING if leased else State.WAITING


@dataclass(frozen=True)
class Filter:
    """Which jobs are meant; what is None excludes none."""

    state: State | None = None
    actor: str | None = None


class NotDead(Exception):
    """These jobs are not dead, or not there: nothing was changed."""

    def __init__(self, ids: Sequence[UUID]) -> None:
        super().__init__(", ".join(map(str, ids)))


def _is(state: State) -> ColumnElement[bool]:
    running = and_(_ROW.c.began_at.is_not(None), _ROW.c.due_at > datetime.now(UTC))
    return {
        State.DEAD: _ROW.c.due_at.is_(None),
        State.RUNNING: running,
        State.WAITING: and_(
            _ROW.c.due_at.is_not(None), or_(_ROW.c.began_at.is_(None), not_(running))
        ),
    }[state]


def _condition(which: Filter) -> ColumnElement[bool]:
    conditions = [_is(which.state)] if which.state is not None else []
    if which.actor is not None:
        conditions.append(_ROW.c.actor == which.actor)
    return and_(True, *conditions)


async def find(reads: ReadConnection, which: Filter, limit: int) -> Sequence[JobRecord]:
    oldest = select(*_ROW.c).where(_condition(which)).order_by(_ROW.c.created_at).limit(limit)
    return [JobRecord(**row) for row in (await reads.execute(oldest)).mappings()]


async def count(reads: ReadConnection, which: Filter) -> int:
    number = select(func.count()).select_from(_ROW).where(_condition(which))
    return (await reads.execute(number)).scalar_one()


async def get(reads: ReadConnection, job_id: UUID) -> JobRecord | None:
    """Return a job; None when it is finished or never was."""
    row = (await reads.execute(select(*_ROW.c).where(_ROW.c.id == job_id))).mappings().one_or_none()
    return JobRecord(**row) if row is not None else None


async def requeue(session: WriteSession, ids: Sequence[UUID]) -> None:
    """Give dead jobs all their attempts again, from now; raises NotDead, and then changes none."""
    await _lock_dead(session, ids)
    await session.execute(_requeued().where(OutboxRow.id.in_(ids)))


async def requeue_all(session: WriteSession, which: Filter) -> int:
    """Give all dead jobs their attempts again; return how many there were."""
    dead = _condition(Filter(State.DEAD, which.actor))
    result = await session.execute(_requeued().where(dead))
    return cast("CursorResult[object]", result).rowcount


async def purge(session: WriteSession, ids: Sequence[UUID]) -> None:
    """Delete dead jobs; raises NotDead, and then deletes none."""
    await _lock_dead(session, ids)
    await session.execute(delete(OutboxRow).where(OutboxRow.id.in_(ids)))


async def purge_older(session: WriteSession, age: timedelta) -> int:
    """Delete the dead jobs that were asked for before that long; return how many there were."""
    old = and_(_is(State.DEAD), _ROW.c.created_at < datetime.now(UTC) - age)
    result = await session.execute(delete(OutboxRow).where(old))
    return cast("CursorResult[object]", result).rowcount


def _requeued() -> Update:
    values = {"attempts": 0, "error": None, "due_at": datetime.now(UTC)}
    return update(OutboxRow).values(values)


async def _lock_dead(session: WriteSession, ids: Sequence[UUID]) -> None:
    dead = select(_ROW.c.id).where(_ROW.c.id.in_(ids), _is(State.DEAD)).with_for_update()
    found = set((await session.execute(dead)).scalars())
    if others := [job_id for job_id in ids if job_id not in found]:
        raise NotDead(others)
