"""Which deliveries are made, by whom, and how they went: every step is in the database."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import structlog
from sqlalchemy import CursorResult, Update, and_, exists, func, or_, select, update

from app.core import outbox
from app.core.database import Database, ReadConnection, WriteSession, table_of
from app.core.outbox import Job, OutboxRow
from app.core.pruning import prune
from app.features.webhooks.outgoing import endpoints
from app.features.webhooks.outgoing.endpoints import Row
from app.features.webhooks.outgoing.events import DELIVER
from app.features.webhooks.outgoing.models import DELIVERIES, ENDPOINTS, EVENTS, State
from app.features.webhooks.outgoing.schedule import Health, Outcome, pause_after

logger = structlog.get_logger(__name__)

_OUTBOX = table_of(OutboxRow)


@dataclass(frozen=True)
class Due:
    """A delivery that is to be made."""

    id: UUID
    attempts: int
    failures: int
    due_at: datetime
    body: bytes


_DUE = (
    select(*((EVENTS if each.name == "body" else DELIVERIES).c[each.name] for each in fields(Due)))
    .join(EVENTS, DELIVERIES.c.event_id == EVENTS.c.id)
    .order_by(DELIVERIES.c.due_at)
)


async def claim(session: WriteSession, endpoint: UUID, job: Job, until: datetime) -> bool:
    """Let `job` alone deliver to an endpoint; False: it is disabled or gone, or another's.

    The other, when it has ended, looks whether there is more.
    """
    free = or_(ENDPOINTS.c.job_id.is_(None), ENDPOINTS.c.job_until < datetime.now(UTC))
    may = and_(ENDPOINTS.c.disabled_at.is_(None), or_(free, ENDPOINTS.c.job_id == job.id))
    claiming = update(ENDPOINTS).where(ENDPOINTS.c.id == endpoint, may)
    return await _changed(session, claiming.values(job_id=job.id, job_until=until))


async def enabled(reads: ReadConnection, endpoint: UUID) -> Row | None:
    """Return an endpoint as it is now, with its secrets; None: it is disabled or gone."""
    this = ENDPOINTS.c.id == endpoint, ENDPOINTS.c.disabled_at.is_(None)
    found = (await reads.execute(select(ENDPOINTS).where(*this))).mappings().one_or_none()
    return None if found is None else dict(found)


def health_of(row: Row) -> Health:
    return Health(**{each.name: row[each.name] for each in fields(Health)})


async def any_queued(reads: ReadConnection, endpoint: UUID) -> bool:
    """Whether something waits for an endpoint, whenever it is due: clocks differ."""
    found = await reads.execute(select(DELIVERIES.c.id).where(*_queued(endpoint)).limit(1))
    return found.first() is not None


async def due(reads: ReadConnection, endpoint: UUID, limit: int) -> Sequence[Due]:
    """Return what is to be sent to an endpoint now, what has waited longest first."""
    now = datetime.now(UTC)
    rows = await reads.execute(
        _DUE.where(*_queued(endpoint), DELIVERIES.c.due_at <= now).limit(limit)
    )
    return [Due(**row) for row in rows.mappings()]


def _queued(endpoint: UUID) -> tuple[Any, ...]:
    return DELIVERIES.c.endpoint_id == endpoint, DELIVERIES.c.state == State.QUEUED


async def record(
    session: WriteSession,
    endpoint: Row,
    made: Sequence[tuple[Due, Outcome]],
    health: Health,
) -> None:
    """Write down what deliveries have come to, and how that leaves the endpoint."""
    # The endpoint first: MySQL locks it for a delivery too, and two that hold that cannot go on.
    # What an operator has done to it meanwhile stays.
    before, values = (
        {name: each for name, each in asdict(one).items() if name != "disabled_why"}
        for one in (health_of(endpoint), health)
    )
    same = (ENDPOINTS.c[name].is_not_distinct_from(each) for name, each in before.items())
    this = ENDPOINTS.c.id == endpoint["id"], ENDPOINTS.c.disabled_at.is_(None)
    still = await _changed(session, update(ENDPOINTS).where(*this, *same).values(**values))
    for delivery, outcome in made:
        await _record_one(session, delivery, outcome)
    if still and health.disabled_why is not None:
        await endpoints.disable(session, endpoint["id"], health.disabled_why)


async def _record_one(session: WriteSession, delivery: Due, outcome: Outcome) -> None:
    now = datetime.now(UTC)
    this = DELIVERIES.c.id == delivery.id, DELIVERIES.c.attempts == delivery.attempts
    made = {
        "attempts": delivery.attempts + 1,
        "attempted_at": now,
        "status": outcome.status,
        "milliseconds": outcome.milliseconds,
        "detail": outcome.detail,
    }
    ended = _ended(delivery, outcome, now)
    as_it_was = update(DELIVERIES).where(*this, DELIVERIES.c.due_at == delivery.due_at)
    if not await _changed(session, as_it_was.values(**made, **ended)):
        # Somebody has asked for it again, and so it is sent again.
        await _changed(session, update(DELIVERIES).where(*this).values(**made))
    elif ended.get("state") == State.FAILED:
        logger.error("webhooks.delivery_failed", delivery=str(delivery.id))


def _ended(delivery: Due, outcome: Outcome, now: datetime) -> dict[str, object]:
    if outcome.is_delivered:
        return {"state": State.DELIVERED}
    failures = delivery.failures + 1
    pause = pause_after(failures, outcome, random.random())  # noqa: S311 - jitter, not a secret
    if pause is None:
        return {"state": State.FAILED, "failures": failures}
    return {"failures": failures, "due_at": now + pause}


async def release(session: WriteSession, endpoint: UUID, job: Job) -> None:
    """Let others deliver to an endpoint, and see to it that somebody does when more is due."""
    ours = update(ENDPOINTS).where(ENDPOINTS.c.id == endpoint, ENDPOINTS.c.job_id == job.id)
    # This locks the endpoint: whoever finds it taken has found it so before, and what it came for
    # is seen by what follows.
    if not await _changed(session, ours.values(job_id=None)):
        return
    first = select(func.min(DELIVERIES.c.due_at)).where(*_queued(endpoint))
    if (due_at := (await session.execute(first)).scalar_one()) is not None:
        await wake(session, endpoint, due_at)


async def wake(session: WriteSession, endpoint: UUID, due_at: datetime) -> None:
    """Have a job deliver to an endpoint at that time, or when it is not left alone any more.

    It is the one that waits already, where it has not begun.
    """
    this = ENDPOINTS.c.id == endpoint, ENDPOINTS.c.disabled_at.is_(None)
    state = select(ENDPOINTS.c.paused_until, ENDPOINTS.c.wake_id).where(*this).with_for_update()
    if (row := (await session.execute(state)).one_or_none()) is None:
        return
    due_at = max(due_at, row.paused_until or due_at)
    waiting = _OUTBOX.c.id == row.wake_id, _OUTBOX.c.attempts == 0, _OUTBOX.c.due_at.is_not(None)
    moving = update(_OUTBOX).where(*waiting, _OUTBOX.c.began_at.is_(None)).values(due_at=due_at)
    if row.wake_id is not None and await _changed(session, moving):
        return
    job = await outbox.enqueue_at(session, due_at, DELIVER, endpoint_id=endpoint)
    await _changed(session, update(ENDPOINTS).where(ENDPOINTS.c.id == endpoint).values(wake_id=job))


async def _changed(session: WriteSession, change: Update) -> bool:
    return cast("CursorResult[Any]", await session.execute(change)).rowcount == 1


async def prune_log(database: Database, keep: timedelta) -> int:
    """Delete events that are older, with their deliveries, unless one of them still waits."""
    waiting = exists().where(
        DELIVERIES.c.event_id == EVENTS.c.id,
        DELIVERIES.c.state == State.QUEUED,
        DELIVERIES.c.endpoint_id == ENDPOINTS.c.id,
        ENDPOINTS.c.disabled_at.is_(None),
    )
    old = and_(EVENTS.c.created_at < datetime.now(UTC) - keep, ~waiting)
    return await prune(database, EVENTS.c.id, old)
