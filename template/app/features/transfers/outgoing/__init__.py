"""Exports: rows of a resource as a file, of one moment of the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from app.core.pruning import pruned
from app.features.transfers import settings
from app.features.transfers.outgoing import exports, jobs

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["install", "jobs"]


def install(app: FastAPI) -> None:
    """Remove files that have had their time, while the api runs."""
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        batch = partial(exports.forget, app.state.database)
        async with inner(app), pruned(settings.own().transfers_cleaning, batch):
            yield

    app.router.lifespan_context = lifespan
