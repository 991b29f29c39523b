"""The days of the business, of which an instant is in exactly one.

A day begins when the clocks of its zone first show its date, and lasts until the next one begins:
one of 23 or 25 hours is whole too, one that the zone has skipped is empty.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from app.core.business_days.settings import business_zone

__all__ = ["begin_of", "business_zone", "day_of", "end_of"]


def day_of(instant: datetime, zone: tzinfo) -> date:
    day = instant.astimezone(zone).date()
    # Clocks that are put back over midnight show yesterday's date again.
    return day + timedelta(days=1) if instant >= end_of(day, zone) else day


def begin_of(day: date, zone: tzinfo) -> datetime:
    """Return the first instant of a day, in UTC; its last is just before `end_of` it."""
    midnight = datetime.combine(day, time.min, tzinfo=zone)
    begin = midnight.astimezone(UTC)
    if begin.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return begin
    # No clock shows midnight: it was passed over, somewhere between what its two readings mean.
    earliest = midnight.replace(fold=1).astimezone(UTC)
    seconds = range(int((begin - earliest).total_seconds()))
    after = bisect_left(seconds, day, key=lambda second: _shown(earliest, second, zone))
    return earliest + timedelta(seconds=after)


def end_of(day: date, zone: tzinfo) -> datetime:
    return begin_of(day + timedelta(days=1), zone)


def _shown(instant: datetime, seconds: int, zone: tzinfo) -> date:
    return (instant + timedelta(seconds=seconds)).astimezone(zone).date()
