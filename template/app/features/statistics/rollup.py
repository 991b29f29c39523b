"""Rolling up: each day is counted once it is over, and again when a change has marked it.

One day is one transaction, under the lock of its source: whoever is killed has done it or has not,
and the next run goes on. Marks are taken away *before* the day is counted, by a later statement: it
sees all that the marks stood for. What it sees besides has marks that are still there.
"""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, insert, select, update

from app.core.business_days import begin_of, day_of, end_of
from app.core.database import Database, WriteSession
from app.core.inserting import inserted
from app.features.statistics.cells import Span, counted, kept_form, typed, within
from app.features.statistics.declared import Source, Statistic
from app.features.statistics.models import DAILY, MARKS, SOURCES
from app.features.statistics.settings import own
from app.features.statistics.states import EARLIEST, LOCKED, first_mark, look

BATCH = 1000


class NotWatched(Exception):
    """The triggers of a source are not there: nothing of it can be kept."""

    def __init__(self, source: Source) -> None:
        super().__init__(
            f"{source.name} has no triggers for its statistics: a revision makes them, with"
            f" these columns: {', '.join(source.columns)} (docs/statistics.md)"
        )


async def roll_up(database: Database, source: Source, zone: ZoneInfo, now: datetime) -> bool:
    """Do what comes next of what is to be done; False: nothing was left. Raises NotWatched."""
    today = begin_of(day_of(now, zone), zone)
    async with database.writes() as session:
        until = await _begun(session, source, zone)
        if until > EARLIEST and (late := await first_mark(session, source, until)) is not None:
            await _count(session, source, day_of(late, zone), zone, is_late=True)
            return True
        first = await _first_instant(session, source, (until, today)) if until < today else None
        if first is not None:
            day = day_of(first, zone)
            await _count(session, source, day, zone, is_late=False)
            until = end_of(day, zone)
        await _set(session, source, rolled_until=max(until, today if first is None else until))
        return first is not None


async def recount(
    database: Database, source: Source, zone: ZoneInfo, begin: date, end: date
) -> date | None:
    """Count the first day from `begin` that has anything; None: nothing before `end` has."""
    async with database.writes() as session:
        until = await _begun(session, source, zone)
        span = begin_of(begin, zone), min(begin_of(end, zone), until)
        if span[0] >= span[1]:
            return None
        ours = DAILY.c.source == source.name, within(DAILY.c.begin_at, [span])
        kept = await _first(session, DAILY.c.begin_at, *ours)
        found = list(filter(None, (kept, await _first_instant(session, source, span))))
        if not found:
            return None
        day = day_of(min(found), zone)
        await _count(session, source, day, zone, is_late=True)
        return day


async def _begun(session: WriteSession, source: Source, zone: ZoneInfo) -> datetime:
    """Lock the source, and return until when it is rolled up: from the beginning, if need be."""
    ours = {"source": source.name}
    if (await session.execute(LOCKED, ours)).first() is None:
        await inserted(session, SOURCES, {**ours, "version": _new_version()})
        await session.execute(LOCKED, ours)
    state = await look(session, source, zone)
    if state is None or not state.is_watched:
        raise NotWatched(source)
    if state.rolled_until is not None:
        return state.rolled_until
    # Declared otherwise, of another zone, emptied, or new: nothing of what is kept can be believed.
    await _take_marks(session, MARKS.c.source == source.name, MARKS.c.at.is_(None))
    await session.execute(delete(DAILY).where(DAILY.c.source == source.name))
    values = {"declared_as": source.declared_as(zone), "rolled_until": EARLIEST}
    await _set(session, source, version=_new_version(), **values)
    return EARLIEST


async def _first_instant(session: WriteSession, source: Source, span: Span) -> datetime | None:
    return await _first(session, source.at, within(source.at, [span]))


async def _first(session: WriteSession, at: Any, *where: Any) -> datetime | None:  # noqa: ANN401
    found: datetime | None = (
        await session.execute(select(func.min(at)).where(*where))
    ).scalar_one()
    return found


async def _count(
    session: WriteSession, source: Source, day: date, zone: ZoneInfo, *, is_late: bool
) -> None:
    span = begin_of(day, zone), end_of(day, zone)
    await _take_marks(session, MARKS.c.source == source.name, within(MARKS.c.at, [span]))
    there = DAILY.c.source == source.name, DAILY.c.begin_at == span[0]
    await session.execute(delete(DAILY).where(*there))
    for statistic in source.statistics:
        if (cells := await _cells(session, statistic, span)) != "[]":
            row = {"source": source.name, "statistic": statistic.name, "begin_at": span[0]}
            await session.execute(insert(DAILY), {**row, "cells": cells})
    if is_late:
        await _set(session, source, version=_new_version())


async def _cells(session: WriteSession, statistic: Statistic, span: Span) -> str | None:
    most = own().statistics_largest_day
    rows = (await session.execute(counted(statistic, [span], span[:1]).limit(most + 1))).all()
    if len(rows) > most:
        return None
    return kept_form(statistic).dump_json(typed(statistic, rows)).decode()


async def _take_marks(session: WriteSession, *which: Any) -> None:  # noqa: ANN401
    """Take away what is there by now, found without a lock: nobody waits for who still writes."""
    found = select(MARKS.c.id).where(*which).limit(BATCH)
    while ids := (await session.execute(found)).scalars().all():
        await session.execute(delete(MARKS).where(MARKS.c.id.in_(ids)))


def _new_version() -> int:
    """Return one that never was: not even before the tables were dropped and made again."""
    return secrets.randbits(62)


async def _set(session: WriteSession, source: Source, **values: object) -> None:
    ours = SOURCES.c.source == source.name
    await session.execute(update(SOURCES).where(ours).values(rolled_at=datetime.now(UTC), **values))
