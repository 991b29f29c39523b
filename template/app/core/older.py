"""Beside releases before 0.10.0, on one database and one Redis, while a deployment rolls.

Their relays sweep the queues by numbers of their own, postpone what they find by a minute, and send
it to lists of Dramatiq's, also where nobody of theirs knows the actor or listens any more. So a
process that runs jobs adopts those that nobody has begun; and as long as none of ours listens, the
api lends its jobs to theirs.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast
from uuid import UUID

from sqlalchemy import or_, select, update

from app.core.database import Database, table_of
from app.core.jobs import JOB_KINDS
from app.core.outbox import OLDER, OutboxRow, Queue

if TYPE_CHECKING:
    import redis

THEIR_NAMESPACE = "dramatiq"
# Their idle workers say every second that they live, and ours as often as they look.
SILENT_SECONDS = 15
WE_LISTEN = "jobs:listening"
MOST_AT_ONCE = 500

_ROW = table_of(OutboxRow)
_THEIRS = _ROW.c.queue < OLDER


async def adopt(database: Database) -> int:
    """Make jobs ours that older code has asked for, and nobody runs; return how many."""
    idle = (
        _ROW.c.due_at.is_not(None),
        or_(_ROW.c.began_at.is_(None), _ROW.c.due_at <= datetime.now(UTC)),
    )
    ours = select(_ROW.c.id).where(_THEIRS, *idle, _ROW.c.actor.in_(JOB_KINDS)).limit(MOST_AT_ONCE)
    found = (await database.reads.execute(ours)).scalars().all()
    if found:
        async with database.writes() as session:
            adopting = update(_ROW).where(_ROW.c.id.in_(found), _THEIRS, *idle)
            await session.execute(adopting.values(queue=_ROW.c.queue + OLDER))
    return len(found)


async def lend(database: Database) -> None:
    """Let older workers have the jobs that are due and that nobody has begun."""
    idle = _ROW.c.began_at.is_(None), _ROW.c.due_at <= datetime.now(UTC)
    async with database.writes() as session:
        lending = update(_ROW).where(_ROW.c.queue >= OLDER, *idle)
        await session.execute(lending.values(queue=_ROW.c.queue - OLDER))


async def take_over(database: Database, client: redis.Redis) -> int:
    """Say that we listen, and have due what was sent to older workers that are gone."""
    sent = await asyncio.to_thread(_sent_to_nobody, client)
    if sent:
        waiting = _ROW.c.began_at.is_(None), _ROW.c.due_at.is_not(None)
        async with database.writes() as session:
            taking = update(_ROW).where(_ROW.c.id.in_(sent), *waiting)
            await session.execute(taking.values(due_at=datetime.now(UTC)))
    return len(sent)


def listen(client: redis.Redis) -> bool:
    """Whether a worker of an older release listens."""
    since = (time.time() - SILENT_SECONDS) * 1000
    return bool(client.zcount(f"{THEIR_NAMESPACE}:__heartbeats__", since, "+inf"))


def _sent_to_nobody(client: redis.Redis) -> Sequence[UUID]:
    client.set(WE_LISTEN, 1, ex=SILENT_SECONDS)
    found: list[UUID] = []
    if listen(client):
        return found
    for queue in Queue:
        name = f"{THEIR_NAMESPACE}:{queue.label}"
        if ids := cast("list[bytes]", client.lpop(name, MOST_AT_ONCE)):
            sent = cast("list[bytes | None]", client.hmget(f"{name}.msgs", ids))
            client.hdel(f"{name}.msgs", *ids)
            found += [UUID(json.loads(each)["kwargs"]["id"]) for each in sent if each]
    return found
