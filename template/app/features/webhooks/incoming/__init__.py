"""Webhooks that others send us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from app.core.pruning import pruned
from app.features.webhooks.incoming import inbox, jobs, settings
from app.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["install", "install_worker"]


def install(app: FastAPI) -> None:
    """Receive webhooks, do what they ask for, and forget old ones meanwhile."""
    # Only an api pays for it, and for the cryptography.
    from app.features.webhooks.incoming import endpoints, senders  # noqa: PLC0415

    own = settings.read(app.state.settings)
    app.state.webhooks_max_bytes = own.webhooks_max_bytes
    app.state.webhook_senders = known = senders.senders(own)
    jobs.configure(app.state.settings)
    app.include_router(endpoints.router)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        batch = partial(inbox.forget, app.state.database, own.webhooks_keep)
        async with inner(app), pruned(own.webhooks_cleaning, batch):
            yield
        for each in known.values():
            await each.close()

    app.router.lifespan_context = lifespan


def install_worker(settings: Settings) -> None:
    """Let the worker's jobs do what webhooks ask for."""
    jobs.configure(settings)
