"""Rate limits that all processes share: the buckets of `limits`, in Redis."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.core.security.limits import LocalLimits, Rate, Spent, TooMany

logger = structlog.get_logger(__name__)

# A limit must not cost more than it protects: a Redis this slow counts as away.
REDIS_TIMEOUT_SECONDS = 0.25
REDIS_CONNECTIONS = 16
# How long a Redis that is away is left alone.
REDIS_PAUSE_SECONDS = 5.0
# One round trip. The server's clock is the one that all processes agree on; times are in µs.
SPEND = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local debt = full_at - now
local wait = debt + interval - window
if wait > 0 then return {debt, wait} end
local text = string.format('%.0f', full_at + interval)
redis.call('SET', KEYS[1], text, 'PX', math.ceil((debt + interval) / 1000))
return {debt + interval, 0}
"""


class SharedLimits:
    """Buckets in Redis, for all processes; in this process while Redis is away."""

    def __init__(
        self, redis_url: str, rate: Rate, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare; nothing is connected yet."""
        self._rate = rate
        self._clock = clock
        self._meanwhile = LocalLimits(rate, clock=clock)
        pool = BlockingConnectionPool.from_url(
            redis_url,
            max_connections=REDIS_CONNECTIONS,
            timeout=REDIS_TIMEOUT_SECONDS,
            socket_timeout=REDIS_TIMEOUT_SECONDS,
            socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis = Redis.from_pool(pool)
        self._script = self._redis.register_script(SPEND)
        self._away_until: float | None = None

    async def spend(self, who: str) -> Spent:
        """Take one request out of the bucket of `who`; raises TooMany when it is empty."""
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
        """Disconnect."""
        await self._redis.aclose()

    async def _spend_there(self, who: str) -> Spent:
        microseconds = [int(self._rate.interval * 1e6), int(self._rate.window * 1e6)]
        debt, wait = await self._script(keys=[f"rate:{who}"], args=microseconds)
        return Spent(self._rate, debt / 1e6, wait / 1e6)

    def _leave_alone(self, error: Exception) -> None:
        if self._away_until is None:
            logger.warning("limits.redis_away", error=repr(error))
        self._away_until = self._clock() + REDIS_PAUSE_SECONDS

    def _welcome_back(self) -> None:
        if self._away_until is not None:
            logger.info("limits.redis_back")
            self._away_until = None
