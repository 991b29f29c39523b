"""Cache: what was read is kept for a while, and dropped when what it was read from changes.

    @cached(for_=timedelta(minutes=5), tags=lambda department: [f"department:{department}"])
    async def head_count(reads: ReadConnection, department: str) -> int: ...

    drop(session, "department:Engines")  # in the transaction that changes the data

In a Redis where there is one, else in the process. A Redis that is away costs time, not an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.features import read_settings
from app.features.cache import default_store
from app.features.cache.decorator import cached
from app.features.cache.invalidation import drop
from app.features.cache.memory import MemoryStore
from app.features.cache.settings import CacheSettings
from app.features.cache.store import Store
from app.settings import Settings

if TYPE_CHECKING:
    import dramatiq
    from fastapi import FastAPI

__all__ = ["cached", "drop", "install", "install_worker"]


def install(app: FastAPI) -> None:
    store = _store(app.state.settings)
    default_store.use(store)
    app.state.at_end.push_async_callback(store.close)


# It ends with the process, whatever its settings.
def install_worker(broker: dramatiq.Broker, settings: Settings) -> None:  # noqa: ARG001
    """Give a worker's process the cache of the api: its jobs change what is kept there."""
    default_store.use(_store(settings))


def _store(settings: Settings) -> Store:
    own = read_settings(CacheSettings, settings)
    if settings.redis_url is None:
        return MemoryStore(own.cache_entries)
    # Only who has Redis pays for it.
    from app.features.cache.redis import RedisStore  # noqa: PLC0415

    return RedisStore(settings.redis_url, own)
