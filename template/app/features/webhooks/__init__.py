"""Webhooks: signed messages of others become jobs, and others are sent ours.

`incoming` receives at `POST /webhooks/{source}`; `outgoing` sends:

    await webhooks.publish(session, "profile.updated", {"id": profile.id})

Whoever wants to know is told if and only if the transaction commits. `docs/webhooks.md` says more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.features.webhooks import incoming, outgoing
from app.features.webhooks.outgoing import publish
from app.settings import Settings

if TYPE_CHECKING:
    import dramatiq
    from fastapi import FastAPI

__all__ = ["install", "install_worker", "publish"]


def install(app: FastAPI) -> None:
    """Receive webhooks, and let the api's jobs do what they ask for."""
    incoming.install(app)
    outgoing.configure(app.state.settings)


def install_worker(broker: dramatiq.Broker, settings: Settings) -> None:  # noqa: ARG001
    """Let the worker's jobs do what webhooks ask for."""
    incoming.install_worker(settings)
    outgoing.configure(settings)
