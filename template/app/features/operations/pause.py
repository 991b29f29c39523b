"""Pausing: no job is begun anywhere while it lasts; those that run come to their end.

A pause is a lease, so that whoever paused and died stops nobody for ever. It lives in the database,
which every api and worker has, and not in Redis, which the embedded mode does without.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, select, update

from app.core.database import Database, ReadConnection
from app.features.operations import leases
from app.features.operations.heartbeat import FORGOTTEN_AFTER, RunnerRow, State
from app.features.operations.leases import PAUSE, Lease, LeaseRow

_LOOK_AGAIN_SECONDS = 0.2
_RUNNER = RunnerRow.__table__
_SEEN = select(_RUNNER.c.name, _RUNNER.c.state, _RUNNER.c.running, _RUNNER.c.seen_at).order_by(
    _RUNNER.c.name
)


@dataclass(frozen=True)
class Runner:
    """A living process that runs jobs, as it last said of itself."""

    name: str
    state: State
    running: int
    seen_at: datetime


class PausedByOther(Exception):
    """Somebody else's pause lasts already."""


def lasts() -> ColumnElement[bool]:
    """Return the condition of a statement that there is a pause."""
    return leases.is_held(PAUSE)


async def pause(database: Database, holder: str, lasting: timedelta) -> Lease:
    """Pause, or let `holder`'s own pause last longer; raises PausedByOther."""
    async with database.writes() as session:
        until = datetime.now(UTC) + lasting
        lease = await leases.acquire(session, PAUSE, holder, until)
    if lease is None:
        other = await leases.holding(database.reads, PAUSE)
        raise PausedByOther(f"{other.holder} until {other.until:%H:%M:%S} UTC" if other else "")
    return lease


async def resume(database: Database) -> bool:
    """End the pause, whoever began it; False when there was none."""
    lease = await leases.holding(database.reads, PAUSE)
    if lease is None:
        return False
    async with database.writes() as session:
        now = datetime.now(UTC)
        await session.execute(update(LeaseRow).where(LeaseRow.name == PAUSE).values(until=now))
    return True


async def living(reads: ReadConnection) -> Sequence[Runner]:
    """Return every process that runs jobs and was seen of late."""
    rows = (await reads.execute(_SEEN)).all()
    oldest = datetime.now(UTC) - FORGOTTEN_AFTER
    runners = [Runner(row.name, State(row.state), row.running, row.seen_at) for row in rows]
    return [runner for runner in runners if runner.seen_at > oldest]


async def drained(database: Database, within: timedelta) -> Sequence[Runner]:
    """Wait until every runner has paused; return those that have not in time."""
    end = time.monotonic() + within.total_seconds()
    while True:
        busy = [one for one in await living(database.reads) if one.state is not State.PAUSED]
        if not busy or time.monotonic() > end:
            return busy
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
