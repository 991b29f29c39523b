"""What is kept of days that have not changed, and the other days counted now: of one moment.

Nobody is locked out meanwhile. Where something has changed that was taken for unchanged, it is
read again, and in the end all of it is counted by one statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, JsonValue
from sqlalchemy import or_, select

from app.core.business_days import begin_of, day_of, end_of
from app.core.database import ReadConnection
from app.features.statistics import triggers
from app.features.statistics.counting import days_of
from app.features.statistics.declared import Cell, Numbers, Statistic, declared
from app.features.statistics.models import DAILY, MARKS, STANDINGS

Per = Literal["day", "month", "total"]
ATTEMPTS = 3


class Together(BaseModel):
    """What is counted together: from `day` on, alike in each dimension."""

    day: date
    dimensions: list[str | None]
    numbers: list[JsonValue]


@dataclass(frozen=True)
class Wanted:
    """Which statistic's numbers, from the first day to the last one, of which time zone."""

    statistic: str
    first: date
    last: date
    per: Per
    zone: str


@dataclass(frozen=True)
class Kept:
    """Which days can be taken as they are kept, by a look at what keeps them."""

    version: int
    days: frozenset[date]


async def read(reads: ReadConnection, wanted: Wanted) -> list[Together]:
    """Return what is wanted, in order of days and dimensions."""
    statistic, first = declared()[wanted.statistic], wanted.first
    days = days_of(first, wanted.last + timedelta(days=1))
    cells = await _cells(reads, statistic, days, ZoneInfo(wanted.zone))
    groups: dict[Cell, list[Numbers]] = {}
    for (day, dimensions), numbers in cells.items():
        begin = {"day": day, "month": max(day.replace(day=1), first), "total": first}[wanted.per]
        groups.setdefault((begin, dimensions), []).append(numbers)
    measures = tuple(statistic.measures.values())
    return [
        Together(
            day=day,
            dimensions=list(dimensions),
            numbers=[
                each.merged(column)
                for each, column in zip(measures, zip(*numbers, strict=True), strict=True)
            ],
        )
        for (day, dimensions), numbers in sorted(groups.items(), key=_order)
    ]


def _order(group: tuple[Cell, object]) -> tuple[date, list[tuple[bool, str]]]:
    (day, dimensions), _ = group
    return day, [(each is None, each or "") for each in dimensions]


async def _cells(
    reads: ReadConnection, statistic: Statistic, days: Sequence[date], zone: tzinfo
) -> dict[Cell, Numbers]:
    for _ in range(ATTEMPTS):
        kept = await _kept(reads, statistic, days, zone)
        found = await _daily(reads, statistic, days, kept.days) if kept.days else {}
        found |= await _counted(reads, statistic, [d for d in days if d not in kept.days], zone)
        if not kept.days:
            return found
        after = await _kept(reads, statistic, days, zone)
        # The days that were taken were the same all the while, and so when the others were counted.
        if after.version == kept.version and kept.days <= after.days:
            return found
    return await _counted(reads, statistic, days, zone)


async def _kept(
    reads: ReadConnection, statistic: Statistic, days: Sequence[date], zone: tzinfo
) -> Kept:
    asked = select(STANDINGS, triggers.marked(statistic.source).label("marked"))
    name = STANDINGS.c.statistic == statistic.name
    standing = (await reads.execute(asked.where(name))).one_or_none()
    if standing is None or not standing.until or standing.declared != statistic.digest(zone):
        return Kept(0, frozenset())
    if not standing.marked:
        return Kept(standing.version, frozenset())
    between = MARKS.c.at >= begin_of(days[0], zone), MARKS.c.at < end_of(days[-1], zone)
    marked = select(MARKS.c.at).where(
        MARKS.c.source == statistic.source, or_(MARKS.c.at.is_(None), between[0] & between[1])
    )
    marks = set((await reads.execute(marked.distinct())).scalars())
    if None in marks:
        return Kept(standing.version, frozenset())
    changed = {day_of(at, zone) for at in marks}
    unchanged = (day for day in days if day < standing.until and day not in changed)
    return Kept(standing.version, frozenset(unchanged))


async def _daily(
    reads: ReadConnection, statistic: Statistic, days: Sequence[date], kept: frozenset[date]
) -> dict[Cell, Numbers]:
    columns = DAILY.c.day, DAILY.c.dimensions, DAILY.c.numbers
    wanted = DAILY.c.statistic == statistic.name, DAILY.c.day.between(days[0], days[-1])
    rows = await reads.execute(select(*columns).where(*wanted))
    return {(day, tuple(by)): numbers for day, by, numbers in rows if day in kept}


async def _counted(
    reads: ReadConnection, statistic: Statistic, days: Sequence[date], zone: tzinfo
) -> dict[Cell, Numbers]:
    if not days:
        return {}
    rows = (await reads.execute(statistic.counting(days, zone))).all()
    return statistic.cells(rows, days)
