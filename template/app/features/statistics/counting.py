"""Days are counted and kept. Done twice, or killed anywhere and done again, it comes to the same.

A change and its mark are one transaction. Whoever counts a day forgets its marks first, and looks
at its rows after that: a change that is not seen commits later, and so its mark is still there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row, Select, delete, func, select, update

from app.core.business_days import begin_of, day_of
from app.core.database import Database, ReadConnection, WriteSession
from app.core.inserting import inserted
from app.features.statistics import triggers
from app.features.statistics.declared import Statistic, declared, within
from app.features.statistics.models import DAILY, MARKS, STANDINGS

logger = structlog.get_logger(__name__)

# How many days one transaction counts.
CHUNK = 31
MOST_MARKS = 10_000


def by_source() -> dict[str, list[Statistic]]:
    """Return the statistics that are declared, by whose changes are marked for them."""
    found: dict[str, list[Statistic]] = {}
    for each in declared().values():
        found.setdefault(each.source, []).append(each)
    return found


async def unmarked(reads: ReadConnection) -> set[str]:
    """Return the sources of whose changes the database does not mark every one."""
    return {source for source in by_source() if not await _is_marked(reads, source)}


async def _is_marked(reads: ReadConnection, source: str) -> bool:
    return bool((await reads.execute(select(triggers.marked(source)))).scalar_one())


async def is_due(reads: ReadConnection, today: date, zone: tzinfo) -> bool:
    """Say whether a day is over that is not counted, or has changed since."""
    for source, statistics in by_source().items():
        kept = (await reads.execute(select(STANDINGS).where(STANDINGS.c.source == source))).all()
        known = {row.statistic: row for row in kept}
        for each in statistics:
            row = known.get(each.name)
            if row is None or row.declared != each.digest(zone) or (row.until or date.min) < today:
                return True
        if (await reads.execute(_stale(source, begin_of(today, zone)).limit(1))).first():
            return True
    return False


async def count_all(database: Database, today: date, zone: tzinfo) -> int:
    """Count what is due; return how many days that were."""
    without = await unmarked(database.reads)
    done = 0
    for source, statistics in by_source().items():
        if source in without:
            logger.warning("statistics.not_marked", source=source)
            await _begin(database, source, statistics, zone, anew=True)
            continue
        await _begin(database, source, statistics, zone, anew=False)
        done += await _count_new(database, statistics, today, zone)
        done += await _count_stale(database, source, statistics, zone)
    return done


async def count_days(
    database: Database, statistics: Sequence[Statistic], days: Sequence[date], zone: tzinfo
) -> None:
    """Count these days anew, for every statistic of the source that they belong to."""
    for chunk in _chunks(days):
        await _count(database, statistics, chunk, zone, until={})


async def _begin(
    database: Database, source: str, statistics: Sequence[Statistic], zone: tzinfo, *, anew: bool
) -> None:
    """Let every statistic have its standing; one that is declared otherwise by now begins anew."""
    async with database.writes() as session:
        for each in statistics:
            row = {"source": source, "declared": each.digest(zone), "version": 0}
            await inserted(session, STANDINGS, {"statistic": each.name, **row})
        kept = await _locked(session, source)
        gone = MARKS.c.source == source, MARKS.c.at.is_(None)
        if (await session.execute(select(MARKS.c.id).where(*gone).limit(1))).first():
            await session.execute(delete(MARKS).where(*gone))
            anew = True
        for each in statistics:
            other = kept[each.name].declared != each.digest(zone)
            if other or (anew and kept[each.name].until is not None):
                await session.execute(delete(DAILY).where(DAILY.c.statistic == each.name))
                values = {"until": None, "declared": each.digest(zone)}
                await _stand(session, each.name, **values)


async def _count_new(
    database: Database, statistics: Sequence[Statistic], today: date, zone: tzinfo
) -> int:
    done = 0
    for each in statistics:
        found = await database.reads.execute(
            select(STANDINGS.c.until).where(STANDINGS.c.statistic == each.name)
        )
        begin = found.scalar_one() or await _first_day(database.reads, each, today, zone)
        if begin >= today:
            async with database.writes() as session:
                await _locked(session, each.source)
                never = STANDINGS.c.until.is_(None)
                await _stand(session, each.name, never, until=begin)
        for chunk in _chunks(days_of(begin, today)):
            until = {each.name: chunk[-1] + timedelta(days=1)}
            await _count(database, statistics, chunk, zone, until)
            done += len(chunk)
    return done


async def _count_stale(
    database: Database, source: str, statistics: Sequence[Statistic], zone: tzinfo
) -> int:
    done = 0
    while True:
        async with database.writes() as session:
            kept = await _locked(session, source)
            until = max((row.until for row in kept.values() if row.until), default=date.min)
            if until == date.min:
                return done
            # Of days that nobody keeps, a mark says nothing.
            late = MARKS.c.at >= begin_of(until, zone)
            await session.execute(delete(MARKS).where(MARKS.c.source == source, late))
        stale = _stale(source, begin_of(until, zone)).limit(MOST_MARKS)
        marks = (await database.reads.execute(stale)).scalars()
        days = sorted({day_of(at, zone) for at in marks})
        if not days:
            return done
        await count_days(database, statistics, days, zone)
        done += len(days)


async def _count(
    database: Database,
    statistics: Sequence[Statistic],
    days: Sequence[date],
    zone: tzinfo,
    until: Mapping[str, date],
) -> None:
    """Count days in one transaction, and say of some statistics how far they are counted then."""
    source = statistics[0].source
    async with database.writes() as session:
        kept = await _locked(session, source)
        marked = MARKS.c.source == source, within(MARKS.c.at, days, zone)
        await session.execute(delete(MARKS).where(*marked))
        for name in kept.keys() - {each.name for each in statistics}:
            # Other code knows it, and has to count these days again: their marks are gone.
            await _stand(session, name, STANDINGS.c.until > days[0], until=days[0])
        for each in statistics:
            rows = (await session.execute(each.counting(days, zone))).all()
            old = DAILY.c.statistic == each.name, DAILY.c.day.in_(days)
            await session.execute(delete(DAILY).where(*old))
            daily = [
                {
                    "statistic": each.name,
                    "day": day,
                    "cell": hashlib.sha256(json.dumps(dimensions).encode()).hexdigest()[:32],
                    "dimensions": list(dimensions),
                    "numbers": numbers,
                }
                for (day, dimensions), numbers in each.cells(rows, days).items()
            ]
            if daily:
                await session.execute(DAILY.insert(), daily)
            values = {"until": until[each.name]} if each.name in until else {}
            await _stand(session, each.name, counted_at=datetime.now(UTC), **values)


async def _locked(session: WriteSession, source: str) -> dict[str, Row[Any]]:
    """Return the standings of a source's statistics; who counts others of them waits."""
    rows = await session.execute(
        select(STANDINGS)
        .where(STANDINGS.c.source == source)
        .order_by(STANDINGS.c.statistic)
        .with_for_update()
    )
    return {row.statistic: row for row in rows}


async def _stand(
    session: WriteSession, name: str, *conditions: ColumnElement[bool], **values: object
) -> None:
    changed = update(STANDINGS).where(STANDINGS.c.statistic == name, *conditions)
    await session.execute(changed.values(version=STANDINGS.c.version + 1, **values))


def _stale(source: str, before: datetime) -> Select[datetime]:
    marked = MARKS.c.source == source, MARKS.c.at < before
    return select(MARKS.c.at).where(*marked).distinct().order_by(MARKS.c.at)


async def _first_day(
    reads: ReadConnection, statistic: Statistic, today: date, zone: tzinfo
) -> date:
    first = (await reads.execute(select(func.min(statistic.column)))).scalar_one()
    return day_of(first, zone) if first else today


def days_of(begin: date, end: date) -> list[date]:
    """Return the days from the first one up to, and without, the last one."""
    return [begin + timedelta(days=n) for n in range((end - begin).days)]


def _chunks(days: Sequence[date]) -> Iterator[Sequence[date]]:
    for first in range(0, len(days), CHUNK):
        yield days[first : first + CHUNK]
