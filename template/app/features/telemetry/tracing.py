"""Traces: one per request, through the outbox into its jobs, and into the jobs of those.

The provider is our own and not the global one: FastAPI would see that and add its spans to ours,
at twice the cost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dramatiq
from dramatiq.middleware import Middleware
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from app.core import job_hooks
from app.core.job_hooks import JobHook
from app.core.middleware import RequestMiddleware
from app.core.outbox import Job
from app.features.telemetry.settings import TelemetrySettings
from app.features.telemetry.statements import Statements
from app.settings import read_project

UNTRACED = frozenset({"/livez", "/readyz", "/metrics"})
# A collector that is away must not hold up the end of a process.
EXPORT_SECONDS = 3

_W3C = TraceContextTextMapPropagator()


class TracedRequests(RequestMiddleware):
    """A span around every request, in the caller's trace where it names one."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        super().__init__(app)
        self._tracer = tracer

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in UNTRACED:
            await self.app(scope, receive, send)
            return
        with self._span(scope) as span:

            async def send_and_see(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _answered(span, scope, message["status"])
                await send(message)

            await self.app(scope, receive, send_and_see)

    @contextmanager
    def _span(self, scope: Scope) -> Iterator[Span]:
        attributes = {"http.request.method": scope["method"], "url.path": scope["path"]}
        context = _context_of(Headers(scope=scope))
        with (
            self._tracer.start_as_current_span(
                scope["method"], context, SpanKind.SERVER, attributes
            ) as span,
            bound_contextvars(trace_id=_trace_id(span)),
        ):
            yield span


def _answered(span: Span, scope: Scope, status: int) -> None:
    if not span.is_recording():
        return
    span.set_attribute("http.response.status_code", status)
    route = getattr(scope.get("route"), "path", None)
    if route is not None:
        span.set_attribute("http.route", route)
        span.update_name(f"{scope['method']} {route}")
    if status >= 500:  # noqa: PLR2004 - the server's own failures
        span.set_status(StatusCode.ERROR)


class Tracing(JobHook):
    """Carries the trace of an enqueuing to the job's attempts, and spans each of them."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def headers(self) -> Mapping[str, str]:
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier

    @contextmanager
    def attempt(self, job: Job) -> Iterator[None]:
        """Span one attempt, as a child of what enqueued the job."""
        attributes: dict[str, str | int] = {
            "job.id": str(job.id),
            "job.actor": job.actor,
            "job.attempt": job.attempts,
            "job.correlation_id": job.correlation_id,
        }
        context = _context_of(job.headers)
        with (
            self._tracer.start_as_current_span(
                f"job {job.actor}", context, SpanKind.CONSUMER, attributes
            ) as span,
            bound_contextvars(trace_id=_trace_id(span)),
        ):
            yield


def _context_of(headers: Mapping[str, str]) -> Context:
    """Return the trace that the headers name; an empty one where they name none."""
    return _W3C.extract(headers, Context()) if "traceparent" in headers else Context()


def _trace_id(span: Span) -> str:
    return trace.format_trace_id(span.get_span_context().trace_id)


class Traces:
    """The way of this process's spans to the collector; open until it is closed."""

    def __init__(self, settings: TelemetrySettings) -> None:
        endpoint = f"{settings.otel_exporter_otlp_endpoint}".rstrip("/")
        exporter = OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=EXPORT_SECONDS)
        self._provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(settings.otel_traces_sampler_arg),
            resource=Resource.create(
                {
                    "service.name": settings.otel_service_name,
                    "service.version": read_project().version,
                }
            ),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self.tracer = self._provider.get_tracer("app")
        self._hook = Tracing(self.tracer)
        self._statements = Statements(self.tracer)
        job_hooks.register(self._hook)
        self._statements.listen()

    def close(self) -> None:
        """Send what has not been sent, and make no more spans."""
        job_hooks.unregister(self._hook)
        self._statements.leave()
        self._provider.shutdown()


def install(app: FastAPI, settings: TelemetrySettings) -> None:
    """Trace the requests of the api, and the jobs that it runs."""
    traces = Traces(settings)
    app.add_middleware(TracedRequests, tracer=traces.tracer)
    app.state.at_end.push_async_callback(asyncio.to_thread, traces.close)


class ClosedTraces(Middleware):
    """Closes the traces of a worker's process when it has done its last job."""

    def __init__(self, traces: Traces) -> None:
        self._traces = traces

    def after_worker_shutdown(
        self,
        broker: dramatiq.Broker,  # noqa: ARG002
        worker: dramatiq.Worker,  # noqa: ARG002
    ) -> None:
        self._traces.close()


def install_worker(broker: dramatiq.Broker, settings: TelemetrySettings) -> None:
    broker.add_middleware(ClosedTraces(Traces(settings)))
