"""What operators do with deliveries: find them, and have them sent again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, select, update

from app.core.database import ReadConnection, WriteSession
from app.features.webhooks.outgoing import events
from app.features.webhooks.outgoing.models import DELIVERIES, ENDPOINTS, EVENTS, State


@dataclass(frozen=True)
class Delivery:
    """A delivery, as operators see it: the last four say how its last attempt went."""

    id: UUID
    endpoint_id: UUID
    type: str
    state: str
    attempts: int
    created_at: datetime
    due_at: datetime
    attempted_at: datetime | None
    status: int | None
    milliseconds: int | None
    detail: str | None


@dataclass(frozen=True)
class Wanted:
    """Which deliveries: those of which all that is said here is true."""

    id: UUID | None = None
    endpoint_id: UUID | None = None
    state: State | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> Sequence[ColumnElement[bool]]:
        alike = (
            (DELIVERIES.c[name], getattr(self, name)) for name in ("id", "endpoint_id", "state")
        )
        found = [column == value for column, value in alike if value is not None]
        if self.type is not None:
            of_type = select(EVENTS.c.id).where(EVENTS.c.type == self.type)
            found.append(DELIVERIES.c.event_id.in_(of_type))
        if self.since is not None:
            found.append(DELIVERIES.c.created_at >= self.since)
        if self.until is not None:
            found.append(DELIVERIES.c.created_at < self.until)
        return found


async def find(reads: ReadConnection, wanted: Wanted, limit: int) -> Sequence[Delivery]:
    """Return the newest of them."""
    columns = [
        (EVENTS if each.name == "type" else DELIVERIES).c[each.name] for each in fields(Delivery)
    ]
    finding = select(*columns).join(EVENTS, DELIVERIES.c.event_id == EVENTS.c.id)
    newest = finding.order_by(DELIVERIES.c.created_at.desc(), DELIVERIES.c.id).limit(limit)
    rows = await reads.execute(newest.where(*wanted.conditions()))
    return [Delivery(**row) for row in rows.mappings()]


async def disabled(reads: ReadConnection, wanted: Wanted) -> Sequence[UUID]:
    """Return the endpoints of these deliveries that are sent nothing now."""
    concerned = select(DELIVERIES.c.endpoint_id).where(*wanted.conditions())
    found = select(ENDPOINTS.c.id).where(
        ENDPOINTS.c.disabled_at.is_not(None), ENDPOINTS.c.id.in_(concerned)
    )
    return (await reads.execute(found)).scalars().all()


async def replay(session: WriteSession, wanted: Wanted) -> int:
    """Send them again, with the same `webhook-id`, by the schedule from its start; how many."""
    these = wanted.conditions()
    concerned = select(DELIVERIES.c.endpoint_id).where(*these).distinct()
    endpoints = (await session.execute(concerned)).scalars().all()
    again = {"state": State.QUEUED, "failures": 0, "due_at": datetime.now(UTC)}
    result = await session.execute(update(DELIVERIES).where(*these).values(**again))
    for each in endpoints:
        await events.ask(session, each)
    return cast("CursorResult[Any]", result).rowcount
