"""What Prometheus fetches: the metrics of the process, and for the api the state of the outbox."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from http.server import HTTPServer

import dramatiq
import structlog
from dramatiq.middleware import Middleware
from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest, start_http_server
from sqlalchemy import case, func, select

from app.core import job_hooks
from app.core.database import Database
from app.core.outbox import OutboxRow
from app.features.telemetry.metrics import REGISTRY, MeasuredRequests, Metrics

logger = structlog.get_logger(__name__)
router = APIRouter(include_in_schema=False)

OUTBOX = Gauge("outbox_jobs", "Jobs not finished, by state.", ["state"], registry=REGISTRY)
OLDEST = Gauge("outbox_oldest_seconds", "Age of the oldest job that waits.", registry=REGISTRY)
# Counting is the one part of a scrape that grows with the outbox.
OUTBOX_FRESH_SECONDS = 5.0

_ALIVE = OutboxRow.due_at.is_not(None)
_STATE = select(
    func.count(OutboxRow.due_at).label("waiting"),
    func.count().label("all"),
    func.min(case((_ALIVE, OutboxRow.created_at))).label("oldest"),
).select_from(OutboxRow)


class OutboxState:
    """The gauges of the outbox, computed at a scrape and kept for the next few seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fresh_until = 0.0

    async def refresh(self) -> None:
        """Bring the gauges up to date; unknown is NaN, since an old number would look healthy."""
        if time.monotonic() < self._fresh_until:
            return
        self._fresh_until = time.monotonic() + OUTBOX_FRESH_SECONDS
        try:
            waiting, dead, age = await self._read()
        except Exception:  # a scrape answers also when the database does not
            logger.warning("metrics.outbox_unknown", exc_info=True)
            waiting, dead, age = math.nan, math.nan, math.nan
        OUTBOX.labels("waiting").set(waiting)
        OUTBOX.labels("dead").set(dead)
        OLDEST.set(age)

    async def _read(self) -> tuple[float, float, float]:
        row = (await self._database.reads.execute(_STATE)).one()
        age = (datetime.now(UTC) - row.oldest).total_seconds() if row.oldest else 0
        return row.waiting, row.all - row.waiting, age


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    await request.app.state.outbox_state.refresh()
    return Response(generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})


def install(app: FastAPI) -> None:
    app.state.outbox_state = OutboxState(app.state.database)
    app.add_middleware(MeasuredRequests)
    app.include_router(router)
    job_hooks.register(Metrics())


class MetricsServer(Middleware):
    """Serves the metrics of a worker's process from a thread of its own."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._server: HTTPServer | None = None

    def after_worker_boot(
        self,
        broker: dramatiq.Broker,  # noqa: ARG002
        worker: dramatiq.Worker,  # noqa: ARG002
    ) -> None:
        """Serve. A port that is taken costs the metrics, not the worker."""
        host, port = self._address
        try:
            self._server, _ = start_http_server(port, host, REGISTRY)
        except OSError:
            logger.exception("metrics.not_served", host=host, port=port)

    def after_worker_shutdown(
        self,
        broker: dramatiq.Broker,  # noqa: ARG002
        worker: dramatiq.Worker,  # noqa: ARG002
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


def install_worker(broker: dramatiq.Broker, host: str, port: int) -> None:
    broker.add_middleware(MetricsServer(host, port))
    job_hooks.register(Metrics())
