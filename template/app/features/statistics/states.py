"""How far a source is rolled up, and which of its days are otherwise since: what may be believed.

A change and its mark are one transaction's, whoever has made it. So whoever sees a change sees its
mark, or that a roll-up has taken the mark away and has counted anew (`version`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Integer, bindparam, exists, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.core.business_days import begin_of, day_of, end_of
from app.core.database import ReadConnection, WriteSession
from app.features.statistics.cells import Span, within
from app.features.statistics.declared import Source
from app.features.statistics.models import MARKS, SOURCES

# Before that nothing is counted: whoever has such instants means something else by them.
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
# Scattered over more days than these, changes are counted with all that lies between them.
MOST_SPANS = 50
TRIGGERS = 3


@dataclass(frozen=True)
class State:
    """What is known of a source. Its days before `rolled_until` are kept; None: none are."""

    version: int
    rolled_until: datetime | None
    rolled_at: datetime | None
    is_watched: bool


class _TriggersMade(FunctionElement[int]):
    """How many triggers have a name that begins like this."""

    type = Integer()
    inherit_cache = True


_CATALOGUES = {
    "sqlite": "sqlite_master WHERE type = 'trigger' AND name",
    "postgresql": "pg_catalog.pg_trigger WHERE tgenabled IN ('O', 'A')"
    " AND pg_catalog.pg_table_is_visible(tgrelid) AND tgname",
    "mysql": "information_schema.triggers WHERE trigger_schema = DATABASE() AND trigger_name",
}
_CATALOGUES["mariadb"] = _CATALOGUES["mysql"]


@compiles(_TriggersMade)
def _compiled(element: _TriggersMade, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    catalogue = _CATALOGUES[compiler.dialect.name]
    like = compiler.process(element.clauses, **options)
    return f"(SELECT count(*) FROM {catalogue} LIKE {like})"  # noqa: S608 - both are ours


_OURS = MARKS.c.source == bindparam("source")
_ANYWHEN = exists().where(_OURS, MARKS.c.at.is_(None))
_STATE = select(
    *(SOURCES.c[each] for each in ("declared_as", "version", "rolled_until", "rolled_at")),
    _TriggersMade(bindparam("triggers")).label("triggers"),
    _ANYWHEN.label("anywhen"),
).where(SOURCES.c.source == bindparam("source"))
LOCKED = select(SOURCES.c.source).where(SOURCES.c.source == bindparam("source")).with_for_update()
_FIRST_MARK = select(func.min(MARKS.c.at)).where(
    _OURS, MARKS.c.at >= bindparam("begin"), MARKS.c.at < bindparam("end")
)

Reading = ReadConnection | WriteSession


async def look(reads: Reading, source: Source, zone: ZoneInfo) -> State | None:
    """Return what is known; None before the first roll-up."""
    values = {"source": source.name, "triggers": f"{source.triggers}%"}
    row = (await reads.execute(_STATE, values)).one_or_none()
    if row is None:
        return None
    is_watched = row.triggers == TRIGGERS
    is_ours = is_watched and not row.anywhen and row.declared_as == source.declared_as(zone)
    return State(row.version, row.rolled_until if is_ours else None, row.rolled_at, is_watched)


async def first_mark(
    reads: Reading, source: Source, end: datetime, begin: datetime = EARLIEST
) -> datetime | None:
    """Return the earliest instant in there at which something is otherwise."""
    values = {"source": source.name, "begin": begin, "end": end}
    found: datetime | None = (await reads.execute(_FIRST_MARK, values)).scalar_one()
    return found


async def marked_days(reads: Reading, source: Source, span: Span, zone: ZoneInfo) -> list[Span]:
    """Return the days with marks; in the last of these spans, where they are many, not only."""
    begin, end = span
    found: list[Span] = []
    while begin < end and (mark := await first_mark(reads, source, end, begin)) is not None:
        day = day_of(mark, zone)
        found.append((begin_of(day, zone), end_of(day, zone)))
        begin = found[-1][1]
        if len(found) == MOST_SPANS:
            found.append((begin, end))
            break
    return found


async def any_mark(reads: Reading, source: Source, spans: Sequence[Span]) -> bool:
    found = select(MARKS.c.id).where(_OURS, within(MARKS.c.at, spans)).limit(1)
    return (await reads.execute(found, {"source": source.name})).first() is not None
