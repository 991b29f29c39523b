"""What a store of the cache does: keep bytes under a key for a while, and drop them by their tags.

An entry remembers the *marks* that its tags had before its value was read. Dropping a tag gives it
another mark, which ends every entry with the old one: also those whose reading had begun before the
drop and ends after it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

# Nothing is kept longer: a mark need not be remembered longer either.
LONGEST = timedelta(days=1)


@dataclass(frozen=True)
class Found:
    """The value under a key, None where there is none; `marks` are those to keep a new one with."""

    value: bytes | None
    marks: Sequence[str]


class Store(Protocol):
    """Where entries are kept."""

    async def find(self, key: str, tags: Sequence[str]) -> Found:
        """Return what is kept under `key`."""

    async def keep(self, key: str, value: bytes, found: Found, lifetime: timedelta) -> None:
        """Keep `value` under `key`, with the marks that were `found` before it was read."""

    def reading(self, key: str, tags: Sequence[str]) -> AbstractAsyncContextManager[Found]:
        """Enter as the only reader of `key`, or find what another has kept meanwhile."""

    async def drop(self, tags: Collection[str]) -> None:
        """Drop every entry that has one of `tags`."""

    async def close(self) -> None:
        """Disconnect."""
