"""The metrics of this process, and how requests and jobs fill them.

They are numbers of one process: Prometheus adds up the processes. Run as many as you like, each on
a port of its own; several behind one port would answer a scrape in turns.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.job_hooks import JobHook
from app.core.middleware import RequestMiddleware
from app.core.outbox import Job, Superseded

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

REQUESTS = Histogram(
    "http_request_duration_seconds",
    "Requests, by what they asked for and how they were answered.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
IN_FLIGHT = Gauge("http_requests_in_flight", "Requests being answered now.", registry=REGISTRY)
JOBS = Histogram(
    "job_duration_seconds",
    "Attempts of jobs, by their actor and how they ended.",
    ["actor", "outcome"],
    buckets=(0.005, 0.025, 0.1, 0.25, 1, 2.5, 10, 30, 60, 300),
    registry=REGISTRY,
)
_COUNTERS: dict[str, Counter] = {}
# No label may take its values from a client: each new value would be kept for ever.
UNKNOWN = "unknown"
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


class MeasuredRequests(RequestMiddleware):
    """Measures every request under the template of its route."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        # Looking a child up by its labels costs three times this.
        self._children: dict[tuple[str, str, int], Histogram] = {}

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, status = time.perf_counter(), 500

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        IN_FLIGHT.inc()
        try:
            await self.app(scope, receive, send_and_see)
        finally:
            IN_FLIGHT.dec()
            self._child(scope, status).observe(time.perf_counter() - started)

    def _child(self, scope: Scope, status: int) -> Histogram:
        method = scope["method"] if scope["method"] in METHODS else UNKNOWN
        key = (method, getattr(scope.get("route"), "path", UNKNOWN), status)
        if key not in self._children:
            self._children[key] = REQUESTS.labels(*key)
        return self._children[key]


class Metrics(JobHook):
    """Measures attempts of jobs, and counts whatever is counted."""

    @contextmanager
    def attempt(self, job: Job) -> Iterator[None]:
        started, outcome = time.perf_counter(), "failed"
        try:
            yield
            outcome = "done"
        except Superseded:
            outcome = "superseded"
            raise
        finally:
            JOBS.labels(job.actor, outcome).observe(time.perf_counter() - started)

    def count(self, what: str, outcome: str, number: int) -> None:
        """Add to the counter of that name, which is made when it is first needed."""
        if what not in _COUNTERS:
            text = f"What became of {what.replace('_', ' ')}."
            _COUNTERS[what] = Counter(what, text, ["outcome"], registry=REGISTRY)
        _COUNTERS[what].labels(outcome).inc(number)
