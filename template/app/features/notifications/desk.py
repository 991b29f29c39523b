"""What operators do with messages: find, suppress, and decide about those that are unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, select, update

from app.core import outbox
from app.core.database import ReadConnection, WriteSession
from app.core.inserting import inserted
from app.features.notifications import recipients
from app.features.notifications.messages import DELIVER
from app.features.notifications.models import Channel, State
from app.features.notifications.tables import MESSAGES, SUPPRESSIONS, changed


class NotDecidable(Exception):
    """There is no such message, or nothing about it is to be decided."""


@dataclass(frozen=True)
class Record:
    """A message, as operators see it."""

    id: UUID
    channel: str
    recipient: str
    state: str
    failures: int
    created_at: datetime
    due_at: datetime
    sent_at: datetime | None
    provider_id: str | None
    detail: str | None


@dataclass(frozen=True)
class Suppressed:
    """A recipient who gets nothing."""

    channel: str
    recipient: str
    reason: str
    created_at: datetime


_RECORDS = select(*(MESSAGES.c[each.name] for each in fields(Record))).order_by(
    MESSAGES.c.created_at.desc()
)


async def find(
    reads: ReadConnection, limit: int, *, state: State | None = None, channel: Channel | None = None
) -> Sequence[Record]:
    """Return the newest messages."""
    wanted = _RECORDS.limit(limit)
    if state is not None:
        wanted = wanted.where(MESSAGES.c.state == state)
    if channel is not None:
        wanted = wanted.where(MESSAGES.c.channel == channel)
    return [Record(**row) for row in (await reads.execute(wanted)).mappings()]


async def get(reads: ReadConnection, message: UUID) -> Record | None:
    row = (await reads.execute(_RECORDS.where(MESSAGES.c.id == message))).mappings().one_or_none()
    return None if row is None else Record(**row)


async def decide(session: WriteSession, message: UUID, *, was_sent: bool) -> None:
    """Say of an unknown or failed message that it was sent, or send it again.

    Raises NotDecidable.
    """
    undecided = update(MESSAGES).where(
        MESSAGES.c.id == message, MESSAGES.c.state.in_([State.UNKNOWN, State.FAILED])
    )
    now = datetime.now(UTC)
    again = {"state": State.QUEUED, "failures": 0, "due_at": now}
    values = {"state": State.SENT, "sent_at": now} if was_sent else again
    if not await changed(session, undecided.values(**values)):
        raise NotDecidable(message)
    if not was_sent:
        found = await session.execute(select(MESSAGES.c.channel).where(MESSAGES.c.id == message))
        await outbox.enqueue(session, DELIVER, channel=found.scalar_one())


async def suppress(session: WriteSession, channel: Channel, recipient: str, reason: str) -> bool:
    """Send nothing more to a recipient; False: nothing was sent to it anyway."""
    row = {
        "digest": recipients.digest(channel, recipient),
        "channel": channel,
        "recipient": recipient,
        "reason": reason[:200],
        "created_at": datetime.now(UTC),
    }
    return await inserted(session, SUPPRESSIONS, row)


async def allow(session: WriteSession, channel: Channel, recipient: str) -> bool:
    """Send to a recipient again; False: it was not suppressed."""
    digest = recipients.digest(channel, recipient)
    return await changed(session, delete(SUPPRESSIONS).where(SUPPRESSIONS.c.digest == digest)) == 1


async def suppressions(reads: ReadConnection) -> Sequence[Suppressed]:
    """Return all of them, those that have been there longest first."""
    columns = (SUPPRESSIONS.c[each.name] for each in fields(Suppressed))
    rows = await reads.execute(select(*columns).order_by(SUPPRESSIONS.c.created_at))
    return [Suppressed(**row) for row in rows.mappings()]
