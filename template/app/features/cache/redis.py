"""A store in Redis, shared by every process. While it is away, all is read at the source."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeVar
from uuid import uuid4

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.core import job_hooks
from app.features.cache.memory import Turns
from app.features.cache.settings import CacheSettings
from app.features.cache.store import LONGEST, Found

logger = structlog.get_logger(__name__)

PREFIX = "cache:"
# A reader that takes longer, or dies, is not waited for any more.
TURN = timedelta(seconds=5)
LOOK_AGAIN_SECONDS = 0.02
# A crowd that meets a cold cache must not open a connection each.
CONNECTIONS = 8
# Give a turn back only while it is ours.
GIVE_BACK = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
"""

R = TypeVar("R")


class RedisStore:
    """Keeps entries in Redis; each begins with the marks of its tags, one per line."""

    def __init__(self, url: str, settings: CacheSettings) -> None:
        timeout = settings.cache_timeout.total_seconds()
        self._redis = Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
        )
        self._pause = settings.cache_pause.total_seconds()
        self._away_until = 0.0
        self._owed: set[str] = set()
        self._turns = Turns()
        self._slots = asyncio.Semaphore(CONNECTIONS)

    async def find(self, key: str, tags: Sequence[str]) -> Found:
        names = [f"{PREFIX}{key}", *(f"{PREFIX}tag:{tag}" for tag in tags)]
        answers = await self._ask(lambda: self._redis.mget(names)) or [None for _ in names]
        entry, *marks = map(_bytes, answers)
        wanted = [mark.decode() for mark in marks]
        head, separator, value = entry.partition(b"\0")
        fresh = separator and head == _head(wanted)
        return Found(value if fresh else None, wanted)

    async def keep(self, key: str, value: bytes, found: Found, lifetime: timedelta) -> None:
        entry = _head(found.marks) + b"\0" + value
        await self._ask(lambda: self._redis.set(f"{PREFIX}{key}", entry, px=lifetime))

    @asynccontextmanager
    async def reading(self, key: str, tags: Sequence[str]) -> AsyncIterator[Found]:
        """Take turns in this process and then with the others, and look again."""
        async with self._turns.of(key):
            turn, ours = f"{PREFIX}turn:{key}", uuid4().hex
            found = await self._take_turn(key, tags, turn, ours)
            try:
                yield found
            finally:
                await self._ask(lambda: self._redis.eval(GIVE_BACK, 1, turn, ours))

    async def _take_turn(self, key: str, tags: Sequence[str], turn: str, ours: str) -> Found:
        end = time.monotonic() + TURN.total_seconds()
        while True:
            taken = await self._ask(lambda: self._redis.set(turn, ours, nx=True, px=TURN))
            found = await self.find(key, tags)
            if taken or found.value is not None or self._is_away() or time.monotonic() > end:
                return found
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def drop(self, tags: Collection[str]) -> None:
        """Give each of `tags` a new mark; what Redis does not hear now it is told first later."""
        self._owed |= set(tags)
        await self._ask(self._redis.ping)

    async def close(self) -> None:
        await self._redis.aclose()

    def _is_away(self) -> bool:
        return time.monotonic() < self._away_until

    async def _ask(self, question: Callable[[], Awaitable[R]]) -> R | None:
        """Ask Redis; None where it is away, and then it is not asked again for a while."""
        async with self._slots:
            if self._is_away():
                job_hooks.count("cache_redis", "skipped")
                return None
            try:
                await self._settle()
                return await question()
            except (RedisError, OSError) as error:
                self._away_until = time.monotonic() + self._pause
                job_hooks.count("cache_redis", "failed")
                logger.warning("cache.redis_away", error=str(error), pause_seconds=self._pause)
                return None

    async def _settle(self) -> None:
        if owed := frozenset(self._owed):
            marks = {f"{PREFIX}tag:{tag}": uuid4().hex for tag in owed}
            async with self._redis.pipeline(transaction=False) as pipeline:
                for name, mark in marks.items():
                    pipeline.set(name, mark, px=LONGEST)
                await pipeline.execute()
            self._owed -= owed


def _head(marks: Sequence[str]) -> bytes:
    return "".join(f"{mark}\n" for mark in marks).encode()


def _bytes(answer: bytes | str | None) -> bytes:
    return answer.encode() if isinstance(answer, str) else answer or b""
