"""What becomes of a period, and who may let it: decided here, and done elsewhere.

open → closing → closed → archived         and back to open, by somebody else, from two of them
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_CALENDAR = re.compile(r"(\d{4})(?:-Q([1-4])|-(0[1-9]|1[0-2]))?")
QUARTER = 3


class State(StrEnum):
    """How far a period has come. In every state but the first its rows are frozen."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    ARCHIVED = "archived"


MOVES = {
    State.OPEN: {State.CLOSING},
    State.CLOSING: {State.CLOSED, State.OPEN},
    State.CLOSED: {State.ARCHIVED, State.OPEN},
    State.ARCHIVED: set[State](),
}


@dataclass(frozen=True)
class Period:
    """Days of a zone, and what was made of their rows. Any change makes it another `version`.

    `folder` is the dump's, which is whole once its `manifest` is known, by its digest. `removed`
    says how many rows of the dump archiving has dealt with, by table.
    """

    name: str
    first: date
    last: date
    zone: str
    begins_at: datetime
    ends_at: datetime
    state: State
    version: int
    folder: str | None = None
    manifest: str | None = None
    verified_at: datetime | None = None
    restored_at: datetime | None = None
    removed: Mapping[str, int] = field(default_factory=dict)


def days_named(name: str) -> tuple[date, date] | None:
    """Return the days of a year, a quarter or a month, as in 2026, 2026-Q1 and 2026-03."""
    match = _CALENDAR.fullmatch(name)
    if match is None or match[1] == "0000":
        return None
    year, first, last = int(match[1]), 1, 12
    if match[2]:
        last = int(match[2]) * QUARTER
        first = last - QUARTER + 1
    elif match[3]:
        first = last = int(match[3])
    return date(year, first, 1), date(year, last, monthrange(year, last)[1])


def refusal(period: Period, to: State, by: str, closed_by: str | None) -> str | None:
    """Say why somebody may not move a period into that state; None: it may be."""
    if to not in MOVES[period.state]:
        return f"{period.name} is {period.state}: it cannot become {to}"
    if to is State.OPEN and period.removed:
        return f"rows of {period.name} are in its dump only, since it is being archived"
    if to is State.OPEN and closed_by is not None and _same(by, closed_by):
        return f"{closed_by} has closed {period.name}: somebody else has to reopen it"
    return None


def _same(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()
