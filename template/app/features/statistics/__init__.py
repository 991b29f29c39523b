"""Statistics: numbers per day and dimension, kept beside the data and equal to it at any time.

    STATISTICS = [
        Statistic("sales", Order.paid_at, by=(Order.shop,), values={
            "orders": Measure("count"), "revenue": Measure("sum", Order.amount),
        }),
    ]

In a module's `statistics.py`. Triggers of the table, made by a revision, mark the days that change.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from app import features
from app.features.statistics import jobs
from app.features.statistics.declared import BadStatistic, Measure, Statistic
from app.features.statistics.settings import configure
from app.settings import Settings

if TYPE_CHECKING:
    import dramatiq
    from fastapi import APIRouter, FastAPI

__all__ = [
    "BadStatistic",
    "Measure",
    "Statistic",
    "install",
    "install_worker",
    "jobs",
    "module_routers",
]

KEPT_FOR = timedelta(hours=1)


def module_routers() -> Mapping[str, APIRouter]:
    """Return the endpoints that show what is a module's."""
    from app.features.statistics import endpoints  # noqa: PLC0415 - only an api pays for it

    return endpoints.routers()


def install(app: FastAPI) -> None:
    """Add an endpoint for each statistic; raises BadStatistic."""
    from app.features.statistics import reading  # noqa: PLC0415 - as above

    configure(app.state.settings)
    for router in module_routers().values():
        app.include_router(router)
    for keep in features.offered("cached"):
        reading.keep_days(keep(for_=KEPT_FOR))


def install_worker(broker: dramatiq.Broker, settings: Settings) -> None:  # noqa: ARG001
    """Count by these settings."""
    configure(settings)
