"""Transfers: rows go out as files and come in by them, declared in a module's `transfers.py`.

    PROFILES = Transfer(
        "profiles",
        listing=service.LISTING,
        query=ProfileQuery,
        row=ProfileIn,
        key=("employee_number",),
        write=write,
    )
    router = endpoints(PROFILES)

Both are jobs: whoever asks for one is told how far it is. `docs/transfers.md` says more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.features.transfers import incoming, outgoing, settings
from app.features.transfers.declared import Transfer, Written
from app.features.transfers.endpoints import endpoints
from app.settings import Settings

if TYPE_CHECKING:
    import dramatiq
    from fastapi import FastAPI

__all__ = ["Transfer", "Written", "endpoints", "install", "install_worker"]


def install(app: FastAPI) -> None:
    """Do what the settings of the api say, and remove what has had its time meanwhile."""
    settings.configure(app.state.settings)
    outgoing.install(app)
    incoming.install(app)


def install_worker(broker: dramatiq.Broker, settings_: Settings) -> None:  # noqa: ARG001
    """Do what the settings of the worker say."""
    settings.configure(settings_)
    incoming.configure(settings_)
