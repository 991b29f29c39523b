"""Imports: files of a resource's rows, validated by its own schema and written by its own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.features.transfers.cleaning import clean
from app.features.transfers.incoming import imports, jobs, settings
from app.features.transfers.incoming.settings import configure

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["configure", "install", "jobs"]


def install(app: FastAPI) -> None:
    """Take longer requests where files come in, and remove what has had its time meanwhile."""
    # Only an api needs them.
    from app.features.transfers.incoming.bodies import let_be_longer  # noqa: PLC0415
    from app.features.transfers.incoming.endpoints import PREFIX  # noqa: PLC0415

    configure(app.state.settings)
    let_be_longer(app, PREFIX, settings.own().transfers_most_bytes)
    clean(app, imports.forget)
