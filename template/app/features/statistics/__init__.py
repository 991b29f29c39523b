"""Statistics: numbers per day and dimension, declared in a module's `statistics.py`.

    CREATED = Statistic(
        "profiles_created",
        at=Profile.created_at,
        by={"department": Profile.department},
        measures={"created": count()},
    )
    router = endpoints(CREATED)

Days that are over are counted once and kept; what changes in them is marked by the database, and
counted again. An answer is what a direct query would give at that moment, whatever is kept.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from app.features.statistics import jobs, settings
from app.features.statistics.declared import Statistic, count, largest, smallest, total
from app.features.statistics.endpoints import endpoints, read
from app.settings import Settings

if TYPE_CHECKING:
    import dramatiq
    from fastapi import FastAPI

__all__ = [
    "Statistic",
    "count",
    "endpoints",
    "install",
    "install_worker",
    "jobs",
    "largest",
    "smallest",
    "total",
]


def install(app: FastAPI) -> None:
    """Count by the settings of the api, and keep answers where there is a cache for them."""
    settings.configure(app.state.settings)
    keep = settings.own().statistics_keep
    read[1:] = []
    if keep and find_spec(f"{__name__}.cached"):
        read.append(import_module(f"{__name__}.cached").kept(keep))


def install_worker(broker: dramatiq.Broker, settings_: Settings) -> None:  # noqa: ARG001
    """Count by the settings of the worker."""
    settings.configure(settings_)
