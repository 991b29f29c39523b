"""What has had its time is removed, while the api runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from app.core.database import Database
from app.core.pruning import pruned
from app.features.transfers import settings


def clean(app: FastAPI, forget: Callable[[Database], Awaitable[int]]) -> None:
    """Call `forget` now and again: it does a batch, and returns how much that was."""
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        batch = partial(forget, app.state.database)
        async with inner(app), pruned(settings.own().transfers_cleaning, batch):
            yield

    app.router.lifespan_context = lifespan
