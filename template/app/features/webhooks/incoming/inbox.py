"""The messages that were received: each once, and what became of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, cast
from uuid import UUID, uuid4

import structlog
from sqlalchemy import CursorResult, bindparam, select, update

from app.core import job_hooks, outbox
from app.core.database import Database, ReadConnection, WriteSession, table_of
from app.core.errors import Conflict
from app.core.inserting import inserted
from app.core.pruning import prune
from app.features.webhooks.incoming.actions import Action
from app.features.webhooks.incoming.messages import Message, NotNow
from app.features.webhooks.incoming.models import ReceivedWebhook, State

logger = structlog.get_logger(__name__)

APPLY = "webhooks.apply"
LONGEST_DETAIL = 500
# What an operator may have tried again: its content is still there.
REPEATABLE = (State.FAILED, State.IGNORED, State.RECEIVED)

_ROW = table_of(ReceivedWebhook)
_FINGERPRINT = select(_ROW.c.fingerprint).where(_ROW.c.digest == bindparam("key"))
_STATE = select(_ROW.c.state).where(_ROW.c.id == bindparam("message")).with_for_update()


class Fate(StrEnum):
    """What a sender is told of a message."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"


@dataclass(frozen=True)
class Waiting:
    """A message that is to be applied."""

    id: UUID
    source: str
    module: str
    content: bytes


@dataclass(frozen=True)
class Record:
    """A message as an operator sees it: without its content, which is about people."""

    id: UUID
    source: str
    message_id: str
    action: str
    subject: str | None
    state: str
    detail: str | None
    received_at: datetime
    ended_at: datetime | None


class NotRepeatable(LookupError):
    """There is no such message, or there is nothing left of it to do."""


async def receive(
    session: WriteSession, source: str, module: str, message: Message, action: Action | None
) -> Fate:
    """Store a message and ask for the job that applies it; raises Conflict or NotNow."""
    key = hashlib.sha256(f"{source}\0{message.id}".encode()).hexdigest()
    row = _new(source, module, message, action) | {"digest": key}
    if not await inserted(session, _ROW, row):
        await _require_same(session, key, message)
        return Fate.DUPLICATE
    if action is None:
        return Fate.IGNORED
    await outbox.enqueue(session, APPLY, message=row["id"])
    return Fate.ACCEPTED


def _new(source: str, module: str, message: Message, action: Action | None) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "id": uuid4(),
        "fingerprint": message.fingerprint,
        "source": source,
        "message_id": message.id,
        "module": module,
        "action": message.action,
        "subject": action.subject if action else None,
        "content": message.written,
        "state": State.RECEIVED if action else State.IGNORED,
        "detail": None if action else f"nothing in {module} does {message.action}",
        "received_at": now,
        "ended_at": None if action else now,
    }


async def _require_same(session: WriteSession, key: str, message: Message) -> None:
    """Raise Conflict where the id was another message's."""
    earlier = (await session.execute(_FINGERPRINT, {"key": key})).scalar_one_or_none()
    if earlier is None:
        raise NotNow("the message is being stored, or forgotten; send it again")
    if earlier != message.fingerprint:
        logger.error("webhook.conflict", message_id=message.id)
        raise Conflict(f"the id {message.id} is that of another message")


async def waiting(reads: ReadConnection, message: UUID) -> Waiting | None:
    """Return a message that is to be applied; None: it was, or is forgotten."""
    columns = (_ROW.c[each.name] for each in fields(Waiting))
    found = await reads.execute(
        select(*columns).where(_ROW.c.id == message, _ROW.c.state == State.RECEIVED)
    )
    row = found.mappings().one_or_none()
    return Waiting(**row) if row is not None and row["content"] is not None else None


async def is_waiting(session: WriteSession, message: UUID) -> bool:
    """Whether it is still to be applied; nobody else ends it before this transaction does."""
    state = (await session.execute(_STATE, {"message": message})).scalar_one_or_none()
    return state == State.RECEIVED


async def end(
    session: WriteSession, message: UUID, state: State, detail: str | None = None
) -> None:
    """Write down what became of it; what nobody may need again is forgotten."""
    values: dict[str, Any] = {"state": state, "ended_at": datetime.now(UTC)}
    # What others have said may be of any characters, and not every database takes each.
    values["detail"] = printable(detail or "")[:LONGEST_DETAIL] or None
    if state not in REPEATABLE:
        values["content"] = None
    await session.execute(update(_ROW).where(_ROW.c.id == message).values(**values))
    logger.info("webhook.ended", state=state, detail=values["detail"])
    job_hooks.count("webhooks_received", state)


def printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)


async def find(
    reads: ReadConnection, limit: int, *, state: State | None = None, source: str | None = None
) -> Sequence[Record]:
    """Return the newest messages, the latest first."""
    wanted = select(*(_ROW.c[each.name] for each in fields(Record)))
    if state is not None:
        wanted = wanted.where(_ROW.c.state == state)
    if source is not None:
        wanted = wanted.where(_ROW.c.source == source)
    rows = await reads.execute(wanted.order_by(_ROW.c.received_at.desc()).limit(limit))
    return [Record(**row) for row in rows.mappings()]


async def repeat(session: WriteSession, message: UUID) -> None:
    """Have it tried again; raises NotRepeatable."""
    again = update(_ROW).where(_ROW.c.id == message, _ROW.c.state.in_(REPEATABLE))
    values = {"state": State.RECEIVED, "detail": None, "ended_at": None}
    result = await session.execute(again.values(**values))
    if cast("CursorResult[Any]", result).rowcount != 1:
        raise NotRepeatable(message)
    await outbox.enqueue(session, APPLY, message=message)


async def forget(database: Database, keep: timedelta) -> int:
    """Delete one batch of those that no sender repeats any more; return how many there were."""
    return await prune(database, _ROW.c.id, _ROW.c.received_at < datetime.now(UTC) - keep)
