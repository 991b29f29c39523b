"""Publishing: what has happened, and who is to know it, in the transaction that makes it happen."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID, uuid4

import orjson
from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from sqlalchemy import insert, select

from app.core.asking import enqueue_once
from app.core.database import WriteSession
from app.core.inserting import inserted
from app.features.webhooks.outgoing.models import DELIVERIES, ENDPOINTS, EVENTS, State

DELIVER = "webhooks.deliver"
# Events about webhooks themselves, which only those get who name them: "*" does not.
OWN = "webhook."
# Standard Webhooks advises to stay below 20 kB.
MOST_BYTES = 64 * 1024
TYPE = re.compile(r"(?=.{1,100}\Z)[a-z0-9_]+(\.[a-z0-9_]+)*")
PATTERN = re.compile(r"(?=.{1,100}\Z)([a-z0-9_]+\.)*([a-z0-9_]+|\*)")


class NoEvent(ValueError):
    """It cannot be published as it is; says why."""


def matches(pattern: str, event_type: str) -> bool:
    """Whether a type is one of `pattern`: itself, `profile.*`, or `*` for all."""
    if not pattern.endswith("*"):
        return pattern == event_type
    prefix = pattern.removesuffix("*")
    return event_type.startswith(prefix) and (bool(prefix) or not event_type.startswith(OWN))


async def publish(
    session: WriteSession,
    event_type: str,
    data: BaseModel | Mapping[str, object],
    *,
    key: str | None = None,
) -> UUID | None:
    """Tell every enabled endpoint that wants to know; it is told if this transaction commits.

    With the `key` of an earlier event of this type, that one is it, and nobody is told again.
    Returns the event's id; None: nobody wants to know, and nothing is stored. In which order
    events arrive is not promised. Raises NoEvent.
    """
    now, event = datetime.now(UTC), uuid4()
    body = _body(event_type, data, now)
    if not (endpoints := await _endpoints(session, event_type)):
        return None
    digest = hashlib.sha256(f"{event_type}\n{key or event}".encode()).hexdigest()
    row = {"id": event, "digest": digest, "type": event_type, "body": body, "created_at": now}
    if not await inserted(session, EVENTS, row):
        found = await session.execute(select(EVENTS.c.id).where(EVENTS.c.digest == digest))
        return UUID(str(found.scalar_one()))
    rows = [
        {"id": uuid4(), "event_id": event, "endpoint_id": each, "state": State.QUEUED}
        | {"attempts": 0, "failures": 0, "created_at": now, "due_at": now}
        for each in endpoints
    ]
    await session.execute(insert(DELIVERIES), rows)
    for each in endpoints:
        await ask(session, each)
    return event


def _body(event_type: str, data: BaseModel | Mapping[str, object], now: datetime) -> bytes:
    if not TYPE.fullmatch(event_type):
        raise NoEvent(f"{event_type!r} is no type of events such as profile.updated")
    event = {"type": event_type, "timestamp": now, "data": data}
    body = orjson.dumps(to_jsonable_python(event))
    if len(body) > MOST_BYTES:
        raise NoEvent(f"an event has at most {MOST_BYTES} bytes, and this {event_type} {len(body)}")
    return body


async def _endpoints(session: WriteSession, event_type: str) -> list[UUID]:
    enabled = select(ENDPOINTS.c.id, ENDPOINTS.c.event_types).where(
        ENDPOINTS.c.disabled_at.is_(None)
    )
    return [
        row.id
        for row in await session.execute(enabled)
        if any(matches(each, event_type) for each in row.event_types)
    ]


async def ask(session: WriteSession, endpoint: UUID) -> None:
    """Ask for a job of an endpoint; a transaction asks once, however much it publishes."""
    await enqueue_once(session, DELIVER, endpoint_id=endpoint)
