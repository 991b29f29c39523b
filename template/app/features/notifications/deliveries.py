"""Which message is sent next, by whom, and how it went: every step is in the database first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from sqlalchemy import ColumnElement, Update, select, update

from app.core import job_hooks, outbox
from app.core.database import ReadConnection, WriteSession, table_of
from app.core.inserting import inserted
from app.core.jobs import pause_after
from app.core.logging import correlation_id
from app.core.outbox import Job, OutboxRow, queue_of
from app.features.notifications import recipients
from app.features.notifications.mail import Attachment
from app.features.notifications.messages import DELIVER
from app.features.notifications.models import Channel, State
from app.features.notifications.outcomes import Accepted, Outcome, Refused, Uncertain
from app.features.notifications.settings import Unknown
from app.features.notifications.tables import ATTACHMENTS, MESSAGES, SUPPRESSIONS, changed

BATCH = 100
MOST_FAILURES = 10
LONGEST_DETAIL = 500
# Jobs that are asked for at times within so many seconds are one job.
SLOT = 5


@dataclass(frozen=True)
class Due:
    """A message that is to be sent."""

    id: UUID
    recipient: str
    content: dict[str, Any]
    created_at: datetime
    failures: int
    urgent: bool


_DUE = (
    select(*(MESSAGES.c[each.name] for each in fields(Due)))
    .order_by(MESSAGES.c.due_at)
    .limit(BATCH)
)
_NEXT = select(MESSAGES.c.due_at).order_by(MESSAGES.c.due_at).limit(1)


async def due(reads: ReadConnection, channel: Channel) -> Sequence[Due]:
    """Return the messages that are due, those that have waited longest first."""
    rows = await reads.execute(
        _DUE.where(*_queued(channel), MESSAGES.c.due_at <= datetime.now(UTC))
    )
    return [Due(**row) for row in rows.mappings()]


async def next_due(session: WriteSession, channel: Channel) -> datetime | None:
    """Return when the next message is due, or was; None: there is none."""
    return (await session.execute(_NEXT.where(*_queued(channel)))).scalar_one_or_none()


def _queued(channel: Channel) -> tuple[ColumnElement[bool], ...]:
    return MESSAGES.c.state == State.QUEUED, MESSAGES.c.channel == channel


async def attachments(reads: ReadConnection, message: UUID) -> tuple[Attachment, ...]:
    wanted = select(ATTACHMENTS.c.name, ATTACHMENTS.c.media_type, ATTACHMENTS.c.data)
    rows = await reads.execute(
        wanted.where(ATTACHMENTS.c.notification_id == message).order_by(ATTACHMENTS.c.position)
    )
    return tuple(Attachment(name, media_type, bytes(data)) for name, media_type, data in rows)


async def is_suppressed(reads: ReadConnection, channel: Channel, recipient: str) -> bool:
    digest = recipients.digest(channel, recipient)
    found = await reads.execute(
        select(SUPPRESSIONS.c.digest).where(SUPPRESSIONS.c.digest == digest)
    )
    return found.first() is not None


async def begin(session: WriteSession, message: UUID, job: Job) -> bool:
    """Say that this attempt is about to send it; False: somebody else does, or has."""
    values = {"state": State.SENDING, "job_id": job.id, "attempt": job.attempts}
    return await changed(session, _while_queued(message).values(**values)) == 1


async def end(session: WriteSession, message: Due, job: Job, outcome: Outcome) -> None:
    """Write down how it went, unless somebody else has sent it meanwhile."""
    # UNKNOWN: a later attempt has taken this one for dead, and it was not.
    ours = _while_ours(message.id, job, State.SENDING, State.UNKNOWN)
    await changed(session, ours.values(**_ended(message, outcome, datetime.now(UTC))))


def _ended(message: Due, outcome: Outcome, now: datetime) -> dict[str, object]:
    detail = outcome.detail[:LONGEST_DETAIL]
    if isinstance(outcome, Accepted):
        known = {"provider_id": outcome.provider_id, "sent_at": now}
        return {"state": State.SENT, "detail": detail, **known}
    if isinstance(outcome, Uncertain):
        return {"state": State.UNKNOWN, "detail": detail}
    failures = message.failures + 1
    if isinstance(outcome, Refused) or failures >= MOST_FAILURES:
        return {"state": State.FAILED, "detail": detail, "failures": failures}
    due_at = now + (outcome.pause or pause_after(failures))
    return {"state": State.QUEUED, "detail": detail, "failures": failures, "due_at": due_at}


async def suppress(session: WriteSession, message: UUID) -> None:
    """Send it never, because its recipient gets nothing."""
    await changed(session, _while_queued(message).values(state=State.SUPPRESSED))


async def wait_until(session: WriteSession, message: UUID, due_at: datetime) -> None:
    await changed(session, _while_queued(message).values(due_at=due_at))


async def settle(session: WriteSession, job: Job, policy: Unknown) -> int:
    """Take up what earlier attempts of `job` were sending when they ended; return how many."""
    theirs = update(MESSAGES).where(
        MESSAGES.c.job_id == job.id,
        MESSAGES.c.attempt < job.attempts,
        MESSAGES.c.state == State.SENDING,
    )
    held = {"state": State.UNKNOWN, "detail": "the process ended while it was being sent"}
    repeated = {"state": State.QUEUED, "detail": "sent again: the process ended while it was sent"}
    values = repeated if policy is Unknown.REPEAT else held
    return await changed(session, theirs.values(**values))


async def release(session: WriteSession, message: UUID, job: Job) -> None:
    """Let it wait again: for certain, nobody has taken it."""
    await changed(session, _while_ours(message, job, State.SENDING).values(state=State.QUEUED))


def _while_queued(message: UUID) -> Update:
    return update(MESSAGES).where(MESSAGES.c.id == message, MESSAGES.c.state == State.QUEUED)


def _while_ours(message: UUID, job: Job, *states: State) -> Update:
    """The message, as long as this attempt is the one that sends it."""
    return update(MESSAGES).where(
        MESSAGES.c.id == message,
        MESSAGES.c.job_id == job.id,
        MESSAGES.c.attempt == job.attempts,
        MESSAGES.c.state.in_(states),
    )


async def ask_again(session: WriteSession, channel: Channel, due_at: datetime) -> None:
    """Ask for a job at that time, or now; of all who ask for one at a time, it is one job."""
    now = datetime.now(UTC)
    if due_at <= now:
        await outbox.enqueue(session, DELIVER, channel=channel)
        return
    slot = (due_at.timestamp() // SLOT + 1) * SLOT
    row = {
        "id": uuid5(NAMESPACE_OID, f"{DELIVER} {channel} {slot:.0f}"),
        "queue": int(queue_of(DELIVER)),
        "actor": DELIVER,
        "arguments": {"channel": channel},
        "correlation_id": correlation_id(),
        "headers": job_hooks.headers(),
        "created_at": now,
        "due_at": datetime.fromtimestamp(slot, UTC),
        "attempts": 0,
    }
    await inserted(session, table_of(OutboxRow), row)
