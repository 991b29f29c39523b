"""A store in the process: for one process, and for tests. Least recently used goes first."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4
from weakref import WeakValueDictionary

from app.features.cache.store import Found


class Turns:
    """One reader of a key at a time in this process; a key that nobody reads takes no room."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: str) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())


class MemoryStore:
    """Keeps the most recently used entries."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[str, tuple[bytes, Sequence[str], float]] = OrderedDict()
        self._marks: OrderedDict[str, str] = OrderedDict()
        self._turns = Turns()

    async def find(self, key: str, tags: Sequence[str]) -> Found:
        marks = [self._marks.get(tag, "") for tag in tags]
        value, kept_with, ends_at = self._entries.get(key, (None, (), 0.0))
        if value is None or kept_with != marks or ends_at < time.monotonic():
            self._entries.pop(key, None)
            return Found(None, marks)
        self._entries.move_to_end(key)
        return Found(value, marks)

    async def keep(self, key: str, value: bytes, found: Found, lifetime: timedelta) -> None:
        self._entries[key] = (value, found.marks, time.monotonic() + lifetime.total_seconds())
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)

    @asynccontextmanager
    async def reading(self, key: str, tags: Sequence[str]) -> AsyncIterator[Found]:
        async with self._turns.of(key):
            yield await self.find(key, tags)

    async def drop(self, tags: Collection[str]) -> None:
        for tag in tags:
            self._marks[tag] = uuid4().hex
            self._marks.move_to_end(tag)
        if len(self._marks) > self._most:
            # Without its mark a tag could match entries from before the mark: none may be left.
            self._marks.clear()
            self._entries.clear()

    async def close(self) -> None:
        self._entries.clear()
