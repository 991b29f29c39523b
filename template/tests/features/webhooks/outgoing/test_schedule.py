"""The schedule is the one that is published, whatever is answered and however luck is."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from app.features.webhooks.outgoing.schedule import (
    LONGEST_RETRY_AFTER,
    PAUSES,
    Health,
    Outcome,
    pause_after,
    retry_after,
)

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
PATIENCE = timedelta(days=5)
FAILED, TAKEN, AWAY = Outcome(400), Outcome(204), Outcome(None)


def test_pauses_are_never_shorter_than_published_and_little_longer() -> None:
    for failures, published in enumerate(PAUSES, 1):
        for luck in (0.0, 0.37, 1.0):
            pause = pause_after(failures, FAILED, luck)
            assert pause is not None
            assert published <= pause <= published * 1.1
    assert pause_after(len(PAUSES) + 1, FAILED, 0) is None
    assert sum(PAUSES, timedelta()) < timedelta(days=4)


def test_a_pause_that_was_asked_for_is_not_cut_short() -> None:
    asked = Outcome(429, retry_after=timedelta(hours=6))
    assert pause_after(1, asked, 0) == timedelta(hours=6)
    assert pause_after(9, asked, 0) == PAUSES[-1]


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (429, "120", timedelta(minutes=2)),
        (503, "Mon, 30 Nov 2026 09:30:00 GMT", timedelta(minutes=30)),
        (503, "Mon, 30 Nov 2026 08:30:00 GMT", timedelta(0)),
        (503, "Mon, 30 Nov 2026 09:30:00 -0000", timedelta(minutes=30)),
        (429, "9" * 12, LONGEST_RETRY_AFTER),
        (429, "9" * 5000, LONGEST_RETRY_AFTER),
        *((429, text, None) for text in ("", "-5", "1.5", "soon", "\u00b2", "Mon, 99 Nov 2026")),
        (429, None, None),
        (500, "120", None),
        (200, "120", None),
    ],
)
def test_a_retry_after_is_read(status: int, text: str | None, expected: timedelta | None) -> None:
    assert retry_after(status, text, NOW) == expected


def test_two_hundreds_alone_are_success() -> None:
    taken = [status for status in range(100, 1000) if Outcome(status).is_delivered]
    assert taken == list(range(200, 300))


def test_a_streak_of_failures_disables_and_a_success_ends_it() -> None:
    health = Health().after([FAILED], NOW, PATIENCE)
    assert health.failing_since == NOW
    almost = NOW + PATIENCE - timedelta(seconds=1)
    assert health.after([FAILED, AWAY], almost, PATIENCE).disabled_why is None
    assert health.after([AWAY], NOW + PATIENCE, PATIENCE).disabled_why is not None
    assert health.after([FAILED, TAKEN], NOW + PATIENCE, PATIENCE) == Health()


def test_gone_is_gone_at_once() -> None:
    gone = Health().after([TAKEN, Outcome(410)], NOW, PATIENCE)
    assert gone.disabled_why == "it answers 410 Gone"
    assert not gone.is_open(NOW)


def test_an_outage_pauses_all_and_longer_each_time_up_to_a_bound() -> None:
    health, pauses = Health(), []
    for _ in range(12):
        health = health.after([AWAY], NOW, PATIENCE)
        assert health.paused_until is not None
        pauses.append(health.paused_until - NOW)
        assert health.at_once(5) == 1
        assert not health.is_open(NOW)
        assert health.is_open(health.paused_until)
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (timedelta(seconds=5), timedelta(minutes=5))
    # One that is answered, however badly, is there.
    assert health.after([FAILED], NOW, PATIENCE).at_once(5) == 5


@pytest.mark.parametrize("pause", [timedelta(minutes=1), timedelta(hours=30)])
def test_whatever_is_answered_nobody_is_left_alone_for_longer_than_a_day(pause: timedelta) -> None:
    answered: list[int | None] = [None, 200, 302, 400, 429]
    for statuses in itertools.product(answered, repeat=5):
        health, now = Health(), NOW
        for status in statuses:
            wait = retry_after(status or 0, f"{pause.total_seconds():.0f}", now)
            health = health.after([Outcome(status, retry_after=wait)], now, PATIENCE)
            paused = (health.paused_until or now) - now
            assert timedelta(0) <= paused <= LONGEST_RETRY_AFTER
            assert (health.failing_since is None) == (status == 200)
            assert (health.disabled_why is None) == (now - (health.failing_since or now) < PATIENCE)
            now += max(paused, timedelta(days=1))
