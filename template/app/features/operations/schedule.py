"""The schedule: actors with a cron expression get a job at each of its ticks (in UTC).

Every worker brings a scheduler, one of them leads: it holds a lease. A tick becomes a job in one
transaction that renews the lease and moves the actor's last tick on, so that no tick is two jobs:
not with two leaders for a moment, not with clocks that differ.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, cast
from uuid import uuid4

import structlog
from cronsim import CronSim, CronSimError
from sqlalchemy import CursorResult, String, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from app.core import outbox
from app.core.database import Base, Database, WriteSession
from app.core.jobs import wait_for_event
from app.features.operations import leases
from app.features.operations.heartbeat import process_name
from app.features.operations.leases import Lease

logger = structlog.get_logger(__name__)

LEADER = "scheduler"
LEADS_FOR = timedelta(seconds=15)
# A tick that is found later than this was missed: nobody was there, or the clock was wrong.
PUNCTUAL = timedelta(minutes=1)

Missed = Literal["run once", "skip"]


@dataclass(frozen=True)
class Cron:
    """An option of an actor: when its jobs are due (they have no arguments).

    `missed` says whether the ticks while nobody led make one job or none.
    """

    expression: str
    missed: Missed = "run once"

    def __post_init__(self) -> None:
        try:
            CronSim(self.expression, datetime.now(UTC))
        except CronSimError as error:
            raise ValueError(f"{self.expression!r} is no cron expression: {error}") from error

    def apply(self, actor: str) -> None:
        CRONS[actor] = self


CRONS: dict[str, Cron] = {}


class ScheduleRow(Base):
    """The last tick of an actor that was dealt with: made a job, or skipped."""

    __tablename__ = "job_schedules"

    actor: Mapped[str] = mapped_column(String(100), primary_key=True)
    last_tick: Mapped[datetime]


@dataclass(frozen=True)
class Due:
    """A tick to deal with."""

    tick: datetime
    runs: bool


def due(cron: Cron, last: datetime, now: datetime) -> Due | None:
    """Return the newest tick after `last` and up to `now`; older ones are dealt with by it."""
    # Backwards, CronSim gives the ticks before an instant; the next second's are those up to now.
    latest = next(CronSim(cron.expression, _next_second(now), reverse=True))
    if latest <= last:
        return None
    return Due(latest, runs=cron.missed == "run once" or now - latest <= PUNCTUAL)


def _next_second(now: datetime) -> datetime:
    return now.replace(microsecond=0) + timedelta(seconds=1)


class NotLeading(Exception):
    """Another scheduler has taken over; this one must make no job."""


class Scheduler:
    """Makes jobs of ticks while it leads, until it is stopped."""

    def __init__(self, database: Database, *, poll: timedelta) -> None:
        self._database = database
        self._name = f"{process_name()} {uuid4().hex[:8]}"
        self._poll = poll
        self._stopped = asyncio.Event()
        self._lease: Lease | None = None

    @property
    def leads(self) -> bool:
        """Whether this scheduler was the leader when it looked last."""
        return self._lease is not None

    def stop(self) -> None:
        self._stopped.set()

    async def run(self) -> None:
        """Schedule until stopped, then let another lead at once."""
        while CRONS and not self._stopped.is_set():
            try:
                await self.look(datetime.now(UTC))
            except NotLeading:
                logger.warning("schedule.superseded", scheduler=self._name)
            except Exception:
                logger.exception("schedule.failed")
            await wait_for_event(self._stopped, within=self._poll)
        await self._resign()

    async def look(self, now: datetime) -> None:
        """Lead if nobody else does, and make a job of every tick that is due."""
        if not await self._lead(now):
            return
        rows = (await self._database.reads.execute(select(*ScheduleRow.__table__.c))).all()
        last = {row.actor: row.last_tick for row in rows}
        for actor, cron in CRONS.items():
            if actor not in last:
                await self._begin(actor, now)
            elif found := due(cron, last[actor], now):
                await self._deal_with(actor, last[actor], found)

    async def _lead(self, now: datetime) -> bool:
        if self._lease is not None:
            # Renewed in good time, and not at every look: most looks read, and write nothing.
            if self._lease.until - now < LEADS_FOR / 2:
                async with self._fenced():
                    pass
            return True
        if await leases.holding(self._database.reads, LEADER) is not None:
            return False
        async with self._database.writes() as session:
            self._lease = await leases.acquire(session, LEADER, self._name, now + LEADS_FOR)
        return self._lease is not None

    @asynccontextmanager
    async def _fenced(self) -> AsyncIterator[WriteSession]:
        """Yield a transaction that commits only if this scheduler leads until then."""
        lease, until = self._lease, datetime.now(UTC) + LEADS_FOR
        async with self._database.writes() as session:
            if lease is None or not await leases.renew(session, lease, until):
                self._lease = None
                raise NotLeading(self._name)
            yield session
        self._lease = replace(lease, until=until)

    async def _begin(self, actor: str, now: datetime) -> None:
        async with self._fenced() as session:
            await session.execute(insert(ScheduleRow).values(actor=actor, last_tick=now))

    async def _deal_with(self, actor: str, last: datetime, found: Due) -> None:
        async with self._fenced() as session:
            moved = await session.execute(
                update(ScheduleRow)
                .where(ScheduleRow.actor == actor, ScheduleRow.last_tick == last)
                .values(last_tick=found.tick)
            )
            if cast("CursorResult[object]", moved).rowcount == 0:
                return
            if found.runs:
                await outbox.enqueue(session, actor)
        logger.info("schedule.tick", actor=actor, tick=found.tick.isoformat(), runs=found.runs)

    async def _resign(self) -> None:
        if self._lease is not None:
            async with self._database.writes() as session:
                await leases.release(session, self._lease)
