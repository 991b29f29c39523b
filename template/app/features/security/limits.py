"""Rate limits: a bucket per caller, refilled evenly (GCRA).

All that is stored of a bucket is when it will be full again. Its debt is the time until then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from typing import Protocol

from app.core.errors import ProblemError

MOST_BUCKETS = 10_000
# Seconds, and fewer than any clock has: sums of fractions must not cost the last request.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Rate:
    """How many requests a bucket holds, and in how many seconds an empty one is full again."""

    limit: int
    window: float = 60.0

    @property
    def interval(self) -> float:
        return self.window / self.limit


@dataclass(frozen=True)
class Spent:
    """How a bucket stands after a request; `wait` seconds are missing for it, where not 0."""

    rate: Rate
    debt: float
    wait: float

    @property
    def headers(self) -> dict[str, str]:
        """The headers that tell the caller (draft-ietf-httpapi-ratelimit-headers-10)."""
        remaining = int((self.rate.window - self.debt) / self.rate.interval + 1e-6)
        return {
            "RateLimit-Policy": f'"caller";q={self.rate.limit};w={self.rate.window:.0f}',
            "RateLimit": f'"caller";r={remaining};t={ceil(self.debt)}',
        }


class TooMany(ProblemError):
    """The caller has used up its requests for now."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, spent: Spent) -> None:
        seconds = ceil(spent.wait)
        super().__init__(
            f"more than {spent.rate.limit} requests in {spent.rate.window:.0f} seconds; "
            f"go on in {seconds} s"
        )
        self.headers = spent.headers | {"Retry-After": str(seconds)}


class Limits(Protocol):
    """Where buckets are kept."""

    async def spend(self, who: str) -> Spent:
        """Take one request out of the bucket of `who`; raises TooMany when it is empty."""

    async def close(self) -> None:
        """Disconnect."""


def spend(rate: Rate, debt: float) -> Spent:
    """Return how a bucket of that debt stands after one more request."""
    wait = debt + rate.interval - rate.window
    return Spent(rate, debt, wait) if wait > TOLERANCE else Spent(rate, debt + rate.interval, 0)


class LocalLimits:
    """Buckets in this process: each process grants the whole rate."""

    def __init__(self, rate: Rate, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._full_at: dict[str, float] = {}

    async def spend(self, who: str) -> Spent:
        now = self._clock()
        spent = spend(self._rate, max(self._full_at.get(who, now) - now, 0))
        if spent.wait:
            raise TooMany(spent)
        if len(self._full_at) >= MOST_BUCKETS:
            self._forget_full_ones(now)
        self._full_at[who] = now + spent.debt
        return spent

    async def close(self) -> None:
        """Hold nothing."""

    def _forget_full_ones(self, now: float) -> None:
        """Make room: full buckets need no memory, and past that the oldest go."""
        kept = [(who, full_at) for who, full_at in self._full_at.items() if full_at > now]
        self._full_at = dict(kept[-MOST_BUCKETS // 2 :])
