"""What a statistic is now: the days that are kept, and the others counted, as one moment has them.

These are several statements. So it is looked, after the last one, whether anything of what is kept
is otherwise than before the first: then all of it is as the one statement found the database that
has counted. Else it is begun anew, and in the end counted by that statement alone.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.core.business_days import begin_of, day_of, end_of
from app.core.database import ReadConnection
from app.features.statistics.cells import Cells, Span, counted, within
from app.features.statistics.declared import Source, Statistic
from app.features.statistics.models import DAILY, SOURCES
from app.features.statistics.states import any_mark, look, marked_days

ATTEMPTS = 3

Per = Literal["day", "month", "total"]
Row = dict[str, Any]
Days = list[tuple[datetime, str | None]]
Reader = Callable[[ReadConnection, str, str, int, list[Span]], Coroutine[Any, Any, Days]]


class Asked(NamedTuple):
    """Which days, both included, and in which buckets."""

    first: date
    last: date
    per: Per
    zone: ZoneInfo

    def buckets(self) -> list[date]:
        """Return the first day of each bucket."""
        if self.per == "total":
            return [self.first]
        every = (self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))
        return [day for day in every if self.per == "day" or day.day == 1 or day == self.first]


class _Moved(Exception):
    """What was kept is otherwise by now."""


async def read(
    reads: ReadConnection,
    source: Source,
    statistic: Statistic,
    asked: Asked,
    having: Mapping[str, object],
) -> list[Row]:
    """Return a row for each bucket and combination of dimensions that has anything."""
    buckets = asked.buckets()
    begins = [begin_of(day, asked.zone) for day in buckets]
    span = begins[0], begin_of(asked.last + timedelta(days=1), asked.zone)
    for _ in range(ATTEMPTS):
        cells = Cells(statistic, begins)
        try:
            await _gather(reads, source, span, asked.zone, cells)
        except _Moved:
            continue
        break
    else:
        cells = Cells(statistic, begins)
        cells.add_counted(await reads.execute(counted(statistic, [span], begins)))
    return [{"day": buckets[number], **row} for number, row in cells.rows(having)]


async def _gather(
    reads: ReadConnection, source: Source, span: Span, zone: ZoneInfo, cells: Cells
) -> None:
    begin, end = span
    state = await look(reads, source, zone)
    until = max(begin, min(end, state.rolled_until or begin)) if state else begin
    open_spans = [*await marked_days(reads, source, (begin, until), zone), (until, end)]
    closed = list(_between(begin, open_spans))
    if state is not None and closed:
        days = await _days(reads, source.name, cells.statistic.name, state.version, closed)
        for day, kept in days:
            if kept is None:
                open_spans.append((day, end_of(day_of(day, zone), zone)))
            else:
                cells.add_kept(day, kept)
    open_spans = [each for each in open_spans if each[0] < each[1]]
    if open_spans:
        found = await reads.execute(counted(cells.statistic, open_spans, cells.begins))
        cells.add_counted(found)
    if state is None or not closed:
        return
    # In this order: a mark that was taken away before the first look has changed the version.
    moved = await any_mark(reads, source, closed)
    after = await look(reads, source, zone)
    if moved or after is None or not after.rolled_until or after.version != state.version:
        raise _Moved


def _between(begin: datetime, others: Sequence[Span]) -> Iterator[Span]:
    """Yield what lies between the others, which are in their order and end it."""
    for other in others:
        if begin < other[0]:
            yield begin, other[0]
        begin = other[1]


async def _read_days(
    reads: ReadConnection, source: str, statistic: str, version: int, spans: list[Span]
) -> Days:
    """Return the days that are kept there; raises _Moved unless they are that version's."""
    ours = DAILY.c.source == source, DAILY.c.statistic == statistic
    found = select(DAILY.c.begin_at, DAILY.c.cells).where(*ours, within(DAILY.c.begin_at, spans))
    days = [(begin, cells) for begin, cells in (await reads.execute(found)).all()]
    now = select(SOURCES.c.version).where(SOURCES.c.source == source)
    if (await reads.execute(now)).scalar_one_or_none() != version:
        raise _Moved
    return days


_days: Reader = _read_days


def keep_days(keep: Callable[[Reader], Reader]) -> None:
    """Let the days of a version be kept nearer than in the database: they never change."""
    global _days  # noqa: PLW0603 - one for the process
    _days = keep(_read_days)
