"""A span for every SQL statement of a traced request or job.

OpenTelemetry's own instrumentation refuses SQLAlchemy 2.1, and is several times this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext

_SPAN = "statement span"


class Statements:
    """Listens to every engine of this process."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._listeners: dict[str, Callable[..., None]] = {
            "before_cursor_execute": self._before,
            "after_cursor_execute": self._after,
            "handle_error": self._failed,
        }

    def listen(self) -> None:
        for name, listener in self._listeners.items():
            event.listen(Engine, name, listener)

    def leave(self) -> None:
        for name, listener in self._listeners.items():
            event.remove(Engine, name, listener)

    def _before(
        self,
        connection: Connection,
        _: Any,  # noqa: ANN401 - the driver's
        statement: str,
        *__: Any,  # noqa: ANN401
    ) -> None:
        # Only inside a trace that is kept: the sweeps of the relay are nobody's.
        if trace.get_current_span().is_recording():
            connection.info[_SPAN] = self._tracer.start_span(
                statement.split(maxsplit=1)[0],
                kind=SpanKind.CLIENT,
                attributes={
                    "db.system.name": connection.dialect.name,
                    # Values are bound parameters, never in the text.
                    "db.query.text": statement,
                },
            )

    def _after(self, connection: Connection, *_: Any) -> None:  # noqa: ANN401 - the driver's
        span: Span | None = connection.info.pop(_SPAN, None)
        if span is not None:
            span.end()

    def _failed(self, context: ExceptionContext) -> None:
        if context.connection is None:
            return
        span: Span | None = context.connection.info.pop(_SPAN, None)
        if span is not None:
            span.set_status(StatusCode.ERROR, type(context.original_exception).__name__)
            span.end()
