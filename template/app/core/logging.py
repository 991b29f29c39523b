"""Logging: one structured line per event, every line with the correlation id of what caused it."""

from __future__ import annotations

import functools
import inspect
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, ParamSpec, TypeVar, cast
from uuid import uuid4

import orjson
import structlog
from pydantic import BaseModel
from structlog.contextvars import bind_contextvars, get_contextvars, reset_contextvars
from structlog.typing import EventDict, Processor

REDACTED = "***"
# A name that contains one of these has a value that no log may hold.
SENSITIVE = (
    "api_key",
    "authorization",
    "cookie",
    "credential",
    "passw",
    "private",
    "secret",
    "signature",
    "token",
)
LONGEST_VALUE = 200

P = ParamSpec("P")
R = TypeVar("R")


def configure_logging(level: str, log_format: Literal["console", "json"]) -> None:
    """Send everything, the libraries' records too, through structlog to standard error."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=_rendering(log_format)
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


def _rendering(log_format: Literal["console", "json"]) -> list[Processor]:
    drop_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if log_format == "json":
        render = structlog.processors.JSONRenderer(serializer=_dump)
        return [drop_meta, structlog.processors.format_exc_info, render]
    # Plain tracebacks: pretty ones print the locals, and with them every secret.
    plain = structlog.dev.plain_traceback
    return [
        drop_meta,
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain),
    ]


def _dump(event: object, **_: object) -> str:
    return orjson.dumps(event, default=str).decode()


def redact(_: object, __: str, event: EventDict) -> EventDict:
    """Blank every value whose name says that it is secret, at any depth."""
    return cast("EventDict", redacted(event))


def redacted(value: object, name: str = "") -> object:
    """Return `value` without secrets; `name` is what it is called where it stands."""
    if any(word in name.lower() for word in SENSITIVE):
        return REDACTED
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, Mapping):
        return {key: redacted(item, str(key)) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return [redacted(item) for item in value]
    return value


def correlation_id() -> str:
    """Return the id that ties what happens now to what caused it; a new one where nothing did."""
    return cast("str", get_contextvars().get("correlation_id")) or uuid4().hex


def process_name() -> str:
    """Return what tells this process from every other: its host and its number there."""
    return f"{socket.gethostname()}:{os.getpid()}"


@contextmanager
def correlated(correlation: str) -> Iterator[None]:
    """Give everything inside the same correlation id."""
    tokens = bind_contextvars(correlation_id=correlation)
    try:
        yield
    finally:
        reset_contextvars(**tokens)


def log_func_args(function: Callable[P, R]) -> Callable[P, R]:
    """Log each call at DEBUG: its arguments (secrets blanked, long ones cut) and its duration."""
    logger = structlog.stdlib.get_logger(function.__module__)
    # structlog's own has no levels before it is configured.
    levels = logging.getLogger(function.__module__)
    signature = inspect.signature(function)

    def record(args: tuple[Any, ...], kwargs: dict[str, Any], started: float) -> None:
        if levels.isEnabledFor(logging.DEBUG):
            bound = signature.bind(*args, **kwargs).arguments
            shown = {name: _brief(redacted(value, name)) for name, value in bound.items()}
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            logger.debug("call", function=function.__qualname__, arguments=shown, ms=milliseconds)

    @functools.wraps(function)
    async def logged_async(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - P and R, which async hides
        started = time.perf_counter()
        try:
            return await cast("Any", function(*args, **kwargs))
        finally:
            record(args, kwargs, started)

    @functools.wraps(function)
    def logged(*args: P.args, **kwargs: P.kwargs) -> R:
        started = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            record(args, kwargs, started)

    return cast("Callable[P, R]", logged_async) if inspect.iscoroutinefunction(function) else logged


def _brief(value: object) -> str:
    text = f"<{len(value)} bytes>" if isinstance(value, bytes) else repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
