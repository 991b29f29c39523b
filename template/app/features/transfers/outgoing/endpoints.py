"""The api of exports."""

from __future__ import annotations

from fastapi import APIRouter

from app.features.transfers.declared import Transfer


def add(router: APIRouter, transfer: Transfer) -> None:
    """Add the routes of a transfer's exports."""
