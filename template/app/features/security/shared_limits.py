"""Rate limits that all processes share: the buckets of `limits`, in Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.features.security.limits import LocalLimits, Rate, Spent, TooMany

logger = structlog.get_logger(__name__)

# A limit must not cost more than it protects: a Redis this slow counts as away.
REDIS_TIMEOUT_SECONDS = 0.25
# How long a Redis that is away is left alone.
REDIS_PAUSE_SECONDS = 5.0
# One round trip for all who wait. The server's clock is the one that all processes agree on; times
# are in µs.
SPEND = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local spent = {}
for _, key in ipairs(KEYS) do
    local full_at = math.max(tonumber(redis.call('GET', key) or now), now)
    local debt = full_at - now
    local wait = debt + interval - window
    if wait <= 0 then
        debt, wait = debt + interval, 0
        redis.call('SET', key, string.format('%.0f', now + debt), 'PX', math.ceil(debt / 1000))
    end
    table.insert(spent, {debt, wait})
end
return spent
"""


class SharedLimits:
    """Buckets in Redis, for all processes; in this process while Redis is away."""

    def __init__(
        self, redis_url: str, rate: Rate, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._meanwhile = LocalLimits(rate, clock=clock)
        self._redis = Redis.from_url(
            redis_url,
            socket_timeout=REDIS_TIMEOUT_SECONDS,
            socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._redis.register_script(SPEND)
        self._microseconds = [int(rate.interval * 1e6), int(rate.window * 1e6)]
        self._waiting: list[tuple[str, asyncio.Future[Spent]]] = []
        self._sending: asyncio.Task[None] | None = None
        self._away_until: float | None = None

    async def spend(self, who: str) -> Spent:
        if self._away_until is not None:
            if self._clock() < self._away_until:
                return await self._meanwhile.spend(who)
            # This request looks whether Redis is back; the others need not wait for it.
            self._away_until = self._clock() + REDIS_PAUSE_SECONDS
        try:
            spent = await self._spend_there(who)
        except (RedisError, OSError) as error:
            self._leave_alone(error)
            return await self._meanwhile.spend(who)
        self._welcome_back()
        if spent.wait:
            raise TooMany(spent)
        return spent

    async def close(self) -> None:
        if self._sending is not None:
            await self._sending
        await self._redis.aclose()

    async def _spend_there(self, who: str) -> Spent:
        """Wait for the round trip that is under way, and go with all others in the next.

        On a busy process that costs a quarter of a round trip each.
        """
        spent: asyncio.Future[Spent] = asyncio.get_running_loop().create_future()
        self._waiting.append((who, spent))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())
        return await spent

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                answers = await self._script(
                    keys=[f"rate:{who}" for who, _ in batch], args=self._microseconds
                )
            except Exception as error:  # noqa: BLE001 - those who wait raise it, each for itself
                _fail(batch, error)
            else:
                for (_, spent), (debt, wait) in zip(batch, answers, strict=True):
                    if not spent.done():  # whoever asked may have gone
                        spent.set_result(Spent(self._rate, debt / 1e6, wait / 1e6))
        self._sending = None

    def _leave_alone(self, error: Exception) -> None:
        if self._away_until is None:
            logger.warning("limits.redis_away", error=repr(error))
        self._away_until = self._clock() + REDIS_PAUSE_SECONDS

    def _welcome_back(self) -> None:
        if self._away_until is not None:
            logger.info("limits.redis_back")
            self._away_until = None


def _fail(batch: list[tuple[str, asyncio.Future[Spent]]], error: Exception) -> None:
    for _, spent in batch:
        if not spent.done():
            spent.set_exception(error)
