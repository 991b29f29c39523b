"""Webhooks: signed messages of others become jobs, and others are sent ours.

`incoming` receives at `POST /webhooks/{source}`; `docs/webhooks.md` says how, and why so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.features.webhooks import incoming
from app.settings import Settings

if TYPE_CHECKING:
    import dramatiq
    from fastapi import FastAPI

__all__ = ["install", "install_worker"]


def install(app: FastAPI) -> None:
    """Receive webhooks, and let the api's jobs do what they ask for."""
    incoming.install(app)


def install_worker(broker: dramatiq.Broker, settings: Settings) -> None:  # noqa: ARG001
    """Let the worker's jobs do what webhooks ask for."""
    incoming.install_worker(settings)
