"""The days of the business, of which an instant is in exactly one.

A day begins when the clocks of its zone first show its date: one of 23 or 25 hours is whole too.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from app.core.business_days.settings import business_zone

__all__ = ["begin_of", "business_zone", "day_of", "end_of"]


def day_of(instant: datetime, zone: tzinfo) -> date:
    return instant.astimezone(zone).date()


def begin_of(day: date, zone: tzinfo) -> datetime:
    """Return the first instant of a day, in UTC; its last is just before `end_of` it."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def end_of(day: date, zone: tzinfo) -> datetime:
    return begin_of(day + timedelta(days=1), zone)
