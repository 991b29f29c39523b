"""Idempotency: a creation that is sent again has one effect, and gets its first answer again.

Every endpoint of a module that answers a POST of JSON with 201 honours `Idempotency-Key`; another
one does so when `@idempotent` stands under its `@router.post`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from app.core.pruning import pruned
from app.features import read_settings
from app.features.idempotency import response_store
from app.features.idempotency.settings import IdempotencySettings
from app.settings import Settings

if TYPE_CHECKING:
    import dramatiq
    from fastapi import FastAPI

__all__ = ["answers", "install", "install_worker"]


def install(app: FastAPI) -> None:
    """Let the creations of every module honour the key, and forget old answers meanwhile."""
    from app.features.idempotency import dependency  # noqa: PLC0415 - only an api pays for it

    app.state.idempotency = own = read_settings(IdempotencySettings, app.state.settings)
    dependency.make_idempotent()
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        batch = partial(response_store.delete_expired, app.state.database)
        async with inner(app), pruned(own.idempotency_cleaning, batch):
            yield

    app.router.lifespan_context = lifespan


def install_worker(broker: dramatiq.Broker, settings: Settings) -> None:
    """Do nothing: jobs take effect once anyway."""
