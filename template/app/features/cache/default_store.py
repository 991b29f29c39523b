"""The store of this process."""

from __future__ import annotations

from app.features.cache.memory import MemoryStore
from app.features.cache.store import Store

_store: Store = MemoryStore(1)


def use(store: Store) -> None:
    global _store  # noqa: PLW0603 - a process has one cache, as it has one configuration of logging
    _store = store


def store() -> Store:
    return _store
