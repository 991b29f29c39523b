"""Decisions about periods, with no database."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import permutations

import pytest

from app.features.periods.states import MOVES, Period, State, days_named, refusal
from app.features.periods.stored import Digest


def period(state: State, **more: object) -> Period:
    days = date(2025, 1, 1), date(2025, 12, 31)
    instants = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    return Period("2025", *days, "UTC", *instants, state, version=1, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("2025", (date(2025, 1, 1), date(2025, 12, 31))),
        ("2025-Q1", (date(2025, 1, 1), date(2025, 3, 31))),
        ("2025-Q4", (date(2025, 10, 1), date(2025, 12, 31))),
        ("2024-02", (date(2024, 2, 1), date(2024, 2, 29))),
        ("2025-13", None),
        ("2025-Q5", None),
        ("0000", None),
        ("summer", None),
    ],
)
def test_a_year_a_quarter_and_a_month_have_their_days(
    name: str, days: tuple[date, date] | None
) -> None:
    assert days_named(name) == days


@pytest.mark.parametrize("source", State)
@pytest.mark.parametrize("to", State)
def test_only_some_states_follow_each_other(source: State, to: State) -> None:
    why = refusal(period(source), to, "Bob", "Ada")
    assert (why is None) == (to in MOVES[source])
    assert why is None or "cannot become" in why


@pytest.mark.parametrize("by", ["Ada", " ada ", "ADA"])
@pytest.mark.parametrize("source", [State.CLOSING, State.CLOSED])
def test_whoever_has_closed_it_does_not_reopen_it(source: State, by: str) -> None:
    assert "somebody else" in (refusal(period(source), State.OPEN, by, "Ada") or "")
    assert refusal(period(source), State.OPEN, "Bob", "Ada") is None


def test_what_is_being_archived_is_not_reopened() -> None:
    begun = period(State.CLOSED, removed={"profiles": 500})
    assert "in its dump only" in (refusal(begun, State.OPEN, "Bob", "Ada") or "")
    assert refusal(begun, State.ARCHIVED, "Ada", "Ada") is None


def text(*rows: tuple[object, ...]) -> str:
    digest = Digest()
    digest.add(rows)
    return digest.text


def test_a_digest_is_of_the_rows_and_not_of_their_order() -> None:
    rows = [(1, "a", None), (2, "b", b"x"), (3, "c", Decimal("1.50"))]
    assert len({text(*each) for each in permutations(rows)}) == 1
    assert text(*rows) != text(*rows[1:])
    assert text((1, "1")) != text((1, 1))
    assert text((None,)) != text(("null",))


def test_equal_values_are_equal_however_a_driver_gives_them() -> None:
    aware = datetime(2025, 1, 1, 9, tzinfo=UTC)
    assert text((aware,)) == text((aware.replace(tzinfo=None),))
    assert text((Decimal("1.50"),)) == text((Decimal("1.5"),))
    assert text((Decimal(0),)) == text((Decimal("-0.00"),))
    long = Decimal(12345678901234567890123456789012345678)
    assert text((long,)) != text((long + 1,))
