"""Values of databases as JSON and back, for what a statement was sent with and what came back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

PLAIN = (str, int, float, bool, type(None))
Codec = tuple[Callable[[Any], Any], Callable[[Any], Any]]
CODECS: dict[type, Codec] = {
    datetime: (datetime.isoformat, datetime.fromisoformat),
    date: (date.isoformat, date.fromisoformat),
    time: (time.isoformat, time.fromisoformat),
    timedelta: (lambda it: [it.days, it.seconds, it.microseconds], lambda it: timedelta(*it)),
    Decimal: (str, Decimal),
    UUID: (str, UUID),
    bytes: (bytes.hex, bytes.fromhex),
    list: (lambda it: [_packed(one) for one in it], lambda it: [_unpacked(one) for one in it]),
    tuple: (
        lambda it: [_packed(one) for one in it],
        lambda it: tuple(_unpacked(one) for one in it),
    ),
    dict: (
        lambda it: [[key, _packed(value)] for key, value in it.items()],
        lambda it: {key: _unpacked(value) for key, value in it},
    ),
}
BY_NAME = {kind.__name__: codec for kind, codec in CODECS.items()}
# A moment that is no further from now may have been made for the statement, by `now()`.
FRESH = timedelta(days=30)


def packed(value: object, most: int) -> str | None:
    """Return a value as JSON; None for what is too long, or of a kind that is not known here."""
    try:
        text = json.dumps(_packed(value))
    except (TypeError, ValueError):
        return None
    return text if len(text) <= most else None


def unpacked(text: str) -> Any:  # noqa: ANN401 - what was packed
    return _unpacked(json.loads(text))


def _packed(value: object) -> object:
    if type(value) in PLAIN:
        return value
    if isinstance(value, memoryview | bytearray):
        value = bytes(value)
    for kind in (type(value), *type(value).__mro__):
        if kind in CODECS:
            return {kind.__name__: CODECS[kind][0](value)}
    # psycopg wraps JSON: what is inside makes it.
    if hasattr(value, "obj") and hasattr(value, "dumps"):
        return {"dict": [["json", _packed(value.obj)]]}
    raise TypeError(type(value).__name__)


def _unpacked(value: Any) -> Any:  # noqa: ANN401
    if not isinstance(value, dict):
        return value
    ((name, inner),) = value.items()
    return BY_NAME[name][1](inner)


def stand_ins(then: object, now: object) -> dict[object, object] | None:
    """Return which values of now stand for which of then; None where they are really others.

    `uuid4()` and `now()` give another value each time: what was sent then goes on to be sent.
    """
    if type(then) is type(now) and then == now:
        return {}
    if isinstance(then, list | tuple) and isinstance(now, list | tuple) and len(then) == len(now):
        return _joined([stand_ins(*pair) for pair in zip(then, now, strict=True)])
    if isinstance(then, dict) and isinstance(now, dict) and list(then) == list(now):
        return _joined([stand_ins(then[key], now[key]) for key in then])
    return {now: then} if _is_made(then) and _is_made(now) else None


def _joined(found: list[dict[object, object] | None]) -> dict[object, object] | None:
    joined: dict[object, object] = {}
    for one in found:
        if one is None:
            return None
        joined |= one
    return joined


def _is_made(value: object) -> bool:
    """Say whether a value looks made for the occasion: a UUID, or a moment of these days."""
    if isinstance(value, UUID):
        return True
    if isinstance(value, datetime):
        now = datetime.now(UTC) if value.tzinfo else datetime.now(UTC).replace(tzinfo=None)
        return abs(now - value) < FRESH
    if isinstance(value, bytes) and len(value) == len(UUID(int=0).bytes):
        return True
    if not isinstance(value, str) or len(value) not in (32, 36):
        return False
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def substituted(value: Any, by: dict[object, object]) -> Any:  # noqa: ANN401
    """Return parameters with what stands for other values replaced by those."""
    if not by:
        return value
    if isinstance(value, dict):
        return {key: substituted(one, by) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(substituted(one, by) for one in value)
    try:
        return by.get(value, value)
    except TypeError:  # not hashable: none that was made for the occasion
        return value
