"""Logging: one structured line per event, every line with the correlation id of what caused it."""

from __future__ import annotations

import functools
import inspect
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass
from types import NoneType
from typing import Any, Literal, ParamSpec, TextIO, TypeVar, cast
from uuid import uuid4

import orjson
import structlog
from pydantic import BaseModel
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars
from structlog.typing import EventDict, Processor

REDACTED = "***"
# A name that contains one of these has a value that no log may hold: a secret, or what says
# something about a person.
SENSITIVE = re.compile(
    r"""
      api_?key | authorization | bearer | cookie | credential | jwt | passw | private | secret
    | signature | token
    | address | birth | email | first_name | full_name | iban | last_name | mobile | passport
    | phone | salary | surname
    """,
    re.VERBOSE,
)
# What gives itself away in any text: a message, a URL, a traceback.
SENSITIVE_TEXT = re.compile(
    r"""
      Bearer\s+[\w.~+/=-]+
    | Basic\s+[\w+/=]{8,}
    | eyJ[\w-]+\.[\w-]+\.[\w-]*
    | (?<=://)[^\s/:@"']*:[^\s/@"']+(?=@)
    | (?<=[?&])(?:[\w-]*(?:token|secret|passw|signature|api_?key)[\w-]*|sig|key|code)=[^&\s"']+
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Without one of these, which most lines have not, nothing of it can be there: 2 µs instead of 50.
QUICK_MARKERS = ("bearer", "basic", "eyj", "://", "=")
# More of it, each behind its own sign; who makes secrets of another shape appends them.
EXTRA_PATTERNS = [("@", re.compile(r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+"))]
PLAIN = (str, bytes, bytearray, int, float, NoneType)
LONGEST_VALUE = 200
TIME = {
    "console": structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
    "json": structlog.processors.TimeStamper(fmt="iso", utc=True),
}
# What a terminal shows of an id finds the rest: it is in the answer's header too.
SHORT_ID = 8
ACCESS = "{method} {path} {status} in {ms} ms"
# At DEBUG these write down what is stored and what is answered, word for word.
QUIETED_LOGGERS = ("aiosqlite", "httpcore")

_requests = logging.getLogger("app.core.middleware")
# The handler that a line may be written past.
_direct: list[logging.StreamHandler[TextIO]] = []

P = ParamSpec("P")
R = TypeVar("R")


def configure_logging(level: str, log_format: Literal["console", "json"]) -> None:
    """Send everything, the libraries' records too, through structlog to standard error."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        TIME[log_format],
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
    _direct[:] = [handler] if log_format == "json" else []
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=_rendering(log_format)
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for library in QUIETED_LOGGERS:
        logging.getLogger(library).setLevel(logging.INFO)


def log_request(level: int, **fields: object) -> None:
    """Write the line of a request.

    As JSON, and where nobody else listens, without the records and formatters of `logging`: with
    them the line of a list costs as much as its rows.
    """
    if not _requests.isEnabledFor(level):
        return
    if logging.getLogger().handlers != _direct:
        structlog.get_logger(_requests.name).log(level, "request", **fields)
        return
    said = {"level": logging.getLevelName(level).lower(), "logger": _requests.name}
    event = get_contextvars() | fields | {"event": "request"} | said
    line = _dump(None, "", redact(None, "", TIME["json"](None, "", event)))
    with suppress(OSError, ValueError):  # as `logging` does: whoever reads it is gone
        _direct[0].stream.write(line + "\n")
        _direct[0].flush()


def _rendering(log_format: Literal["console", "json"]) -> list[Processor]:
    drop_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if log_format == "json":
        return [drop_meta, structlog.processors.format_exc_info, _dump]
    # Plain tracebacks: pretty ones print the locals, and with them every secret.
    plain = structlog.dev.plain_traceback
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=plain, pad_level=False, pad_event_to=0
    )
    return [drop_meta, shorten, lambda logger, name, event: scrub(console(logger, name, event))]


def shorten(_: object, __: str, event: EventDict) -> EventDict:
    """Let an event fit in a terminal's line, a request above all."""
    if "correlation_id" in event:
        event["correlation_id"] = event["correlation_id"][:SHORT_ID]
    if event["event"] == "request" and "ms" in event:
        event["event"] = ACCESS.format_map(event)
        for name in ("logger", "method", "path", "status", "ms"):
            del event[name]
    return event


def _dump(_: object, __: str, event: EventDict) -> str:
    return scrub(orjson.dumps(event, default=str).decode())


def redact(_: object, __: str, event: EventDict) -> EventDict:
    """Blank every value whose name says that it is secret or personal, at any depth."""
    return cast("EventDict", redacted(event))


def scrub(line: str) -> str:
    """Blank what gives itself away in the finished line, tracebacks and libraries' texts too."""
    lowered = line.lower()
    if any(sign in lowered for sign in QUICK_MARKERS):
        line = SENSITIVE_TEXT.sub(REDACTED, line)
    for sign, telltale in EXTRA_PATTERNS:
        if sign in line:
            line = telltale.sub(REDACTED, line)
    return line


def redacted(value: object, name: str = "") -> object:
    """Return `value` without what is secret or personal; `name` is what it is called there."""
    if is_sensitive(name):
        return REDACTED
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, BaseModel):
        value = dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: redacted(item, str(key)) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [redacted(item) for item in value]
    return value


@functools.lru_cache(maxsize=1024)
def is_sensitive(name: str) -> bool:
    """Say whether what is called so must stay out of logs."""
    return SENSITIVE.search(name.lower().replace("-", "_")) is not None


def correlation_id() -> str:
    """Return the id that ties what happens now to what caused it; a new one where nothing did."""
    return cast("str", get_contextvars().get("correlation_id")) or uuid4().hex


@contextmanager
def correlated(correlation: str) -> Iterator[None]:
    """Give everything inside the same correlation id; whatever is bound inside ends with it."""
    before = get_contextvars()
    bind_contextvars(correlation_id=correlation)
    try:
        yield
    finally:
        clear_contextvars()
        bind_contextvars(**before)


def log_func_args(function: Callable[P, R]) -> Callable[P, R]:
    """Log each call at DEBUG: its arguments (secrets blanked, long ones cut) and its duration."""
    logger = structlog.stdlib.get_logger(function.__module__)
    # structlog's own has no levels before it is configured.
    levels = logging.getLogger(function.__module__)
    signature = inspect.signature(function)

    @contextmanager
    def recorded(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            if levels.isEnabledFor(logging.DEBUG):
                bound = signature.bind(*args, **kwargs).arguments
                shown = {name: _brief(redacted(value, name)) for name, value in bound.items()}
                ms = round((time.perf_counter() - started) * 1000, 1)
                logger.debug("call", function=function.__qualname__, arguments=shown, ms=ms)

    @functools.wraps(function)
    # P and R, which async hides.
    async def logged_async(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        with recorded(args, kwargs):
            return await cast("Any", function(*args, **kwargs))

    @functools.wraps(function)
    def logged(*args: P.args, **kwargs: P.kwargs) -> R:
        with recorded(args, kwargs):
            return function(*args, **kwargs)

    return cast("Callable[P, R]", logged_async) if inspect.iscoroutinefunction(function) else logged


def _brief(value: object) -> str:
    text = f"<{len(value)} bytes>" if isinstance(value, bytes) else repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
