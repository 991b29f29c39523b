"""When a delivery is tried, and what becomes of an endpoint by what it answers: decisions alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

# After each failed attempt, how long until the next: ten attempts in three days (Standard
# Webhooks, "Deliverability and reliability"). docs/webhooks.md promises these to receivers.
PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=each) for each in (2, 5, 10, 14, 20, 24)),
)
# Later by up to a tenth, so that what has failed together is not tried together; never sooner.
JITTER = 0.1
# While an endpoint is away one delivery at a time asks whether it is back, so often at least.
LONGEST_OUTAGE_PAUSE = timedelta(minutes=5)
# What a receiver may ask for.
LONGEST_RETRY_AFTER = timedelta(hours=24)
BUSY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
AWAY = BUSY | {HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}


@dataclass(frozen=True)
class Outcome:
    """What an attempt has come to; without a status nothing was answered, and `detail` says why."""

    status: int | None
    detail: str = ""
    retry_after: timedelta | None = None
    milliseconds: int = 0

    @property
    def is_delivered(self) -> bool:
        return self.status in range(200, 300)

    @property
    def is_outage(self) -> bool:
        """Whether others would fare alike now: it is not about what was sent."""
        return self.status is None or self.status in AWAY


def pause_after(failures: int, outcome: Outcome, luck: float) -> timedelta | None:
    """Return how long after failed attempt number `failures` the next is; None: it was the last.

    `luck` is between 0 and 1.
    """
    if failures > len(PAUSES):
        return None
    return max(PAUSES[failures - 1], outcome.retry_after or timedelta(0)) * (1 + JITTER * luck)


def retry_after(status: int, text: str | None, now: datetime) -> timedelta | None:
    """Read a Retry-After: seconds, or a date (RFC 9110, 10.2.3); None where it says nothing."""
    if text is None or status not in BUSY:
        return None
    try:
        asked = timedelta(seconds=int(text)) if text.isdecimal() else _until(text, now)
    except (ValueError, OverflowError):
        return LONGEST_RETRY_AFTER if text.isdecimal() else None
    return min(max(asked, timedelta(0)), LONGEST_RETRY_AFTER)


def _until(text: str, now: datetime) -> timedelta:
    date = parsedate_to_datetime(text)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)) - now


@dataclass(frozen=True)
class Health:
    """How an endpoint does."""

    failing_since: datetime | None = None
    outages: int = 0
    paused_until: datetime | None = None
    disabled_why: str | None = None

    def at_once(self, most: int) -> int:
        """Return how many deliveries may be on their way: one where it was away the last time."""
        return 1 if self.outages else most

    def is_open(self, now: datetime) -> bool:
        return self.disabled_why is None and not (self.paused_until and self.paused_until > now)

    def after(self, outcomes: Sequence[Outcome], now: datetime, patience: timedelta) -> Health:
        """Return how it does after these; without success for `patience` it is disabled."""
        some = any(each.is_delivered for each in outcomes)
        since = None if some else self.failing_since or now
        away = not some and all(each.is_outage for each in outcomes)
        outages = self.outages + 1 if away else 0
        pauses = [each.retry_after for each in outcomes if each.retry_after]
        if away:
            pauses.append(min(PAUSES[min(outages, len(PAUSES)) - 1], LONGEST_OUTAGE_PAUSE))
        health = Health(since, outages, now + max(pauses) if pauses else None)
        if any(each.status == HTTPStatus.GONE for each in outcomes):
            return replace(health, disabled_why="it answers 410 Gone")
        if since is not None and now - since >= patience:
            return replace(
                health, disabled_why=f"it has taken nothing since {since:%Y-%m-%d %H:%M}"
            )
        return health
