"""Who is sent webhooks: endpoints, the types of events that they want, and their secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import structlog
from sqlalchemy import CursorResult, delete, insert, select, update

from app.core.database import ReadConnection, WriteSession
from app.core.sealing import SEALED, Reader, opened, place, seal
from app.features.webhooks.outgoing import events
from app.features.webhooks.outgoing.models import ENDPOINTS
from app.features.webhooks.public_addresses import parsed
from app.features.webhooks.signatures import LENGTH, Secret

logger = structlog.get_logger(__name__)

DISABLED = "webhook.endpoint_disabled"
LONGEST_URL = 2000
NO_ID = "no endpoint has the id {}: webhooks endpoints list"
# Rotated more often while they sign, an endpoint would be sent ever longer headers.
MOST_FORMER = 4
MANY_FORMER = "{} secrets of it sign until {:%Y-%m-%d %H:%M} UTC; WEBHOOKS_OVERLAP=PT0S ends them"
_SECRET, _FORMER = ENDPOINTS.c.secret, ENDPOINTS.c.former_secret

Row = Mapping[str, Any]


class NoEndpoint(ValueError):
    """There is no such endpoint, or there cannot be; says which."""


async def add(session: WriteSession, url: str, event_types: Sequence[str]) -> tuple[UUID, Secret]:
    """Send events of these types to a URL from now on; raises NoEndpoint, and NotPublic."""
    url = str(parsed(url))
    if len(url) > LONGEST_URL:
        raise NoEndpoint(f"a URL has at most {LONGEST_URL} characters")
    for each in event_types:
        if not events.PATTERN.fullmatch(each):
            raise NoEndpoint(f"{each!r} is neither a type such as profile.updated, nor profile.*")
    new, secret = uuid4(), Secret.new()
    row = {
        "id": new,
        "url": url,
        "event_types": sorted(set(event_types)),
        "secret": await seal(session, secret.secret, place(_SECRET, new)),
        "created_at": datetime.now(UTC),
    }
    await session.execute(insert(ENDPOINTS), row)
    return new, secret


async def rotate(session: WriteSession, endpoint: UUID, overlap: timedelta) -> Secret:
    """Give an endpoint a new secret; those before sign too, for `overlap`; without it, none."""
    locked = select(ENDPOINTS).where(ENDPOINTS.c.id == endpoint).with_for_update()
    if (row := (await session.execute(locked)).mappings().one_or_none()) is None:
        raise NoEndpoint(NO_ID.format(endpoint))
    former, secret, now = await secrets(session, dict(row)), Secret.new(), datetime.now(UTC)
    if overlap and len(former) > MOST_FORMER:
        raise NoEndpoint(MANY_FORMER.format(len(former), row["former_until"]))
    until = now + overlap
    if overlap and len(former) > 1:
        until = max(until, row["former_until"])  # as was promised for them
    joined = b"".join(each.secret for each in former)
    await _change(
        session,
        endpoint,
        secret=await seal(session, secret.secret, place(_SECRET, endpoint)),
        former_secret=await seal(session, joined, place(_FORMER, endpoint)) if overlap else None,
        former_until=until,
    )
    return secret


async def secrets(reader: Reader, row: Row) -> Sequence[Secret]:
    """Return what signs for an endpoint now, the current one first."""
    found = await opened(reader, row["secret"], place(_SECRET, row["id"]))
    if row["former_secret"] and row["former_until"] > datetime.now(UTC):
        found += await opened(reader, row["former_secret"], place(_FORMER, row["id"]))
    return [Secret(found[at : at + LENGTH]) for at in range(0, len(found), LENGTH)]


async def enable(session: WriteSession, endpoint: UUID) -> None:
    """Send to an endpoint again, what waits first."""
    fresh = dict.fromkeys(("disabled_at", "disabled_why", "failing_since", "paused_until"))
    await _change(session, endpoint, outages=0, **fresh)
    await events.ask(session, endpoint)


async def disable(session: WriteSession, endpoint: UUID, why: str) -> None:
    """Send nothing more to an endpoint, and tell: what is queued waits until it is enabled."""
    await _change(session, endpoint, disabled_at=datetime.now(UTC), disabled_why=why[:200])
    logger.error("webhooks.endpoint_disabled", endpoint=str(endpoint), why=why)
    # Not its URL: whoever gets this may be somebody else.
    told = {"endpoint_id": endpoint, "reason": why}
    await events.publish(session, DISABLED, told)


async def remove(session: WriteSession, endpoint: UUID) -> None:
    """Forget an endpoint, and all that was or is to be sent to it."""
    gone = await session.execute(delete(ENDPOINTS).where(ENDPOINTS.c.id == endpoint))
    _require_one(gone, endpoint)


async def _change(session: WriteSession, endpoint: UUID, **values: object) -> None:
    changing = update(ENDPOINTS).where(ENDPOINTS.c.id == endpoint).values(**values)
    _require_one(await session.execute(changing), endpoint)


def _require_one(result: object, endpoint: UUID) -> None:
    if cast("CursorResult[Any]", result).rowcount != 1:
        raise NoEndpoint(NO_ID.format(endpoint))


async def find(reads: ReadConnection) -> Sequence[Row]:
    """Return all of them, the oldest first, without their secrets."""
    shown = [each for each in ENDPOINTS.c if each.info != SEALED]
    rows = await reads.execute(select(*shown).order_by(ENDPOINTS.c.created_at))
    return [dict(row) for row in rows.mappings()]
