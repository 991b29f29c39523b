"""Exports: rows of a resource as a file, of one moment of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.features.transfers.cleaning import clean
from app.features.transfers.outgoing import exports, jobs

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["install", "jobs"]


def install(app: FastAPI) -> None:
    """Remove files that have had their time, while the api runs."""
    clean(app, exports.forget)
