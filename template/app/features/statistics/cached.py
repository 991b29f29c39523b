"""Answers of statistics that are kept for a while; the cache is told how long."""

from __future__ import annotations

from datetime import timedelta

from app.core.database import ReadConnection
from app.features.cache import cached
from app.features.statistics import reading
from app.features.statistics.endpoints import Read
from app.features.statistics.reading import Together, Wanted


def kept(keep: timedelta) -> Read:
    """Return what reads numbers that are at most about so old."""

    @cached(for_=keep)
    async def read_numbers(reads: ReadConnection, wanted: Wanted) -> list[Together]:
        return await reading.read(reads, wanted)

    return read_numbers
