"""Webhooks that are sent: endpoints, signed deliveries, and a log of them.

An endpoint has one job at a time, whose deliveries carry the same id until they are taken.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from app.core.pruning import pruned
from app.core.runner import JobProcess, surround
from app.features.webhooks.outgoing import deliveries, settings
from app.features.webhooks.outgoing.events import NoEvent, publish
from app.features.webhooks.outgoing.jobs import configure

__all__ = ["NoEvent", "configure", "publish"]

PRUNING = timedelta(minutes=10)


@surround
@asynccontextmanager
async def _log_pruned(process: JobProcess) -> AsyncIterator[None]:
    """Let every process that runs jobs delete what has been in the log long enough."""
    keep = settings.read(process.settings).webhooks_log_keep
    async with pruned(PRUNING, partial(deliveries.prune_log, process.database, keep)):
        yield
