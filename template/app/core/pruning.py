"""What has had its time is deleted in batches, beside the work; nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Column, ColumnElement, delete, select

from app.core.database import Database
from app.core.jobs import wait_for_event

logger = structlog.get_logger(__name__)

BATCH = 500


async def prune(database: Database, key: Column[Any], old: ColumnElement[bool]) -> int:
    """Delete one batch of what is `old`, found without a lock; return how many there were."""
    found = await database.reads.execute(select(key).where(old).limit(BATCH))
    keys = found.scalars().all()
    if keys:
        async with database.writes() as session:
            # Looked at again: what was found may have become young since.
            await session.execute(delete(key.table).where(key.in_(keys), old))
    return len(keys)


@asynccontextmanager
async def pruned(every: timedelta, batch: Callable[[], Awaitable[int]]) -> AsyncIterator[None]:
    """Call `batch` meanwhile: again at once while batches are full, and else after a pause."""
    stop = asyncio.Event()
    pruning = asyncio.create_task(_prune(every, batch, stop))
    try:
        yield
    finally:
        stop.set()
        await pruning


async def _prune(
    every: timedelta, batch: Callable[[], Awaitable[int]], stop: asyncio.Event
) -> None:
    while not await wait_for_event(stop, within=every):
        try:
            while await batch() == BATCH and not stop.is_set():
                pass
        except Exception:
            logger.exception("pruning.failed")
