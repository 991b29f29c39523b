"""Periods are opened, moved and looked up: each move is one transaction with its event.

Whoever moves a period waits for every transaction that has written to a frozen table, and whoever
writes then sees what was moved. What is noted of a period holds the version that was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import CursorResult, Row, RowMapping, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from app.core.business_days import begin_of, end_of
from app.core.database import Database, ReadConnection, WriteSession
from app.features.periods.models import EVENTS, GATE, PERIODS
from app.features.periods.states import Period, State, refusal

# How long the gate is waited for. Writers wait behind whoever waits, so it is not long.
_PATIENCE = {
    "sqlite": (),
    "postgresql": ("SET LOCAL lock_timeout = '10s'", "LOCK TABLE period_gate IN EXCLUSIVE MODE"),
    "mysql": ("SET SESSION innodb_lock_wait_timeout = 10",),
}
_PATIENCE["mariadb"] = _PATIENCE["mysql"]
_PERIOD = select(*(PERIODS.c[each.name] for each in fields(Period)))


class PeriodsError(Exception):
    """What was asked for cannot be done; says why, and what to do."""


@dataclass(frozen=True)
class Actor:
    """Who wants it, and why."""

    by: str
    why: str


async def every(reads: ReadConnection) -> list[Period]:
    rows = (await reads.execute(_PERIOD.order_by(PERIODS.c.begins_at))).mappings()
    return [_read(row) for row in rows]


async def find(reads: ReadConnection | WriteSession, name: str) -> Period:
    """Return a period; raises PeriodsError where there is none of that name."""
    found = await reads.execute(_PERIOD.where(PERIODS.c.name == name))
    row = found.mappings().one_or_none()
    if row is None:
        raise PeriodsError(f"there is no period {name}: python -m app periods list")
    return _read(row)


async def history(reads: ReadConnection, name: str) -> Sequence[RowMapping]:
    events = select(EVENTS).where(EVENTS.c.period == name).order_by(EVENTS.c.number)
    return (await reads.execute(events)).mappings().all()


async def closed_since(reads: ReadConnection | WriteSession, name: str) -> Row[Any] | None:
    """Return the event by which a period began to be closed, the last time."""
    closing = select(EVENTS).where(EVENTS.c.period == name, EVENTS.c.target == State.CLOSING)
    return (await reads.execute(closing.order_by(EVENTS.c.number.desc()).limit(1))).first()


async def begin(
    database: Database, name: str, days: tuple[date, date], zone: ZoneInfo, actor: Actor
) -> Period:
    """Let there be a period, which is open; raises PeriodsError where its days are another's."""
    first, last = days
    begins_at, ends_at = begin_of(first, zone), end_of(last, zone)
    async with database.writes() as session:
        await _pass_gate(session)
        overlaps = PERIODS.c.begins_at < ends_at, PERIODS.c.ends_at > begins_at
        taken = select(PERIODS.c.name).where(*overlaps)
        if other := (await session.execute(taken.order_by(PERIODS.c.name))).scalars().first():
            raise PeriodsError(f"{first} to {last} has days of the period {other}")
        period = Period(name, first, last, zone.key, begins_at, ends_at, State.OPEN, version=1)
        stored = {each.name: getattr(period, each.name) for each in fields(period)}
        await session.execute(insert(PERIODS), stored | {"removing": False})
        await _tell(session, period, State.OPEN, actor, source=None)
    return period


async def move(database: Database, period: Period, to: State, actor: Actor) -> Period:
    """Move a period as it was read into another state; raises PeriodsError."""
    async with database.writes() as session:
        await _pass_gate(session)
        closed = await closed_since(session, period.name)
        if (why := refusal(period, to, actor.by, closed.by_whom if closed else None)) is not None:
            raise PeriodsError(why)
        # What was dumped is not what there will be.
        forgotten = ("folder", "manifest", "verified_at", "restored_at")
        values = dict.fromkeys(forgotten) if to is State.OPEN else {}
        await change(session, period, state=to, **values)
        await _tell(session, period, to, actor, source=period.state)
    return await find(database.reads, period.name)


async def note(database: Database, period: Period, **values: object) -> Period:
    """Store what was made of a period as it was read; raises PeriodsError."""
    async with database.writes() as session:
        await change(session, period, **values)
    return await find(database.reads, period.name)


async def change(session: WriteSession, period: Period, **values: object) -> None:
    """Store what was made of a period in this transaction; raises PeriodsError."""
    read = PERIODS.c.name == period.name, PERIODS.c.version == period.version
    changed = update(PERIODS).where(*read).values(version=period.version + 1, **values)
    done = cast("CursorResult[Any]", await session.execute(changed))
    if done.rowcount == 0:
        raise PeriodsError(f"somebody else is at work on {period.name}: look, and run it again")


async def _pass_gate(session: WriteSession) -> None:
    """Wait for whoever writes to a frozen table, and let nobody begin before this has ended."""
    # Whatever else is wrong shows here.
    await session.execute(select(GATE.c.version))
    try:
        for statement in _PATIENCE[session.get_bind().dialect.name]:
            await session.execute(text(statement))
        changed = await session.execute(update(GATE).values(version=GATE.c.version + 1))
        if cast("CursorResult[Any]", changed).rowcount == 0:
            await session.execute(insert(GATE), {"id": 1, "version": 1})
    except DBAPIError as error:
        raise PeriodsError(
            "a transaction that writes has been open for long, and nothing was changed: look who"
            " that is, and run it again"
        ) from error


async def _tell(
    session: WriteSession, period: Period, to: State, actor: Actor, *, source: State | None
) -> None:
    last = select(func.coalesce(func.max(EVENTS.c.number), 0)).where(EVENTS.c.period == period.name)
    event = {
        "period": period.name,
        "number": (await session.execute(last)).scalar_one() + 1,
        "at": datetime.now(UTC),
        "by_whom": actor.by,
        "why": actor.why,
        "source": source,
        "target": to,
    }
    await session.execute(insert(EVENTS), event)


def _read(row: RowMapping) -> Period:
    values = {str(name): value for name, value in row.items()}
    return Period(**values | {"state": State(values["state"])})
