"""The modules of the domain. A new one is complete when its name stands in MODULES."""

from __future__ import annotations

from importlib import import_module

from fastapi import APIRouter

MODULES = ("profiles",)


def load_models() -> None:
    """Map every module's tables."""
    for name in MODULES:
        import_module(f"{__name__}.{name}.models")


def load_jobs() -> None:
    """Register every module's actors."""
    for name in MODULES:
        import_module(f"{__name__}.{name}.tasks")


def routers() -> list[APIRouter]:
    """Return every module's endpoints."""
    return [import_module(f"{__name__}.{name}.endpoints").router for name in MODULES]
