"""Tables as they are stored, whatever their mapped types make of it, and a digest of their rows.

A ciphertext stays one, and JSON is its text. The digest is the sum of those of all rows, each of
its values in one form: the order of rows, the kind of database and that of a file are nothing to
it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from enum import Enum
from functools import cached_property
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Insert,
    LargeBinary,
    MetaData,
    Select,
    Table,
    Text,
    TypeDecorator,
    cast,
    insert,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.types import TypeEngine

from app.core.database import Base, UtcDateTime
from app.features.periods.models import GATE

Values = Sequence[Any]
BATCH = 1000
# Of rows that may have megabytes each.
LARGE_BATCH = 20
_MODULUS = 2**256
# More digits than any database has in a number.
_EXACT = Context(prec=200)


@dataclass(frozen=True, eq=False)
class Stored:
    """A table by its columns as they are stored; what the database computes is no part of it."""

    table: Table

    @cached_property
    def columns(self) -> list[Column[Any]]:
        """What a file has: JSON as text, and of other types what they are made of."""
        return [
            Column(each.name, Text() if _is_json(each) else _raw(each.type), nullable=each.nullable)
            for each in self._own
        ]

    @cached_property
    def batch(self) -> int:
        return LARGE_BATCH if any(isinstance(c.type, LargeBinary) for c in self.columns) else BATCH

    @cached_property
    def key(self) -> list[int]:
        """Where the primary key is among the columns."""
        return [at for at, each in enumerate(self._own) if each.primary_key]

    def select(self) -> Select[Any]:
        """Return the statement that finds every row, in the order of the primary key."""
        found = [
            cast(each, Text) if _is_json(each) else type_coerce(each, _raw(each.type))
            for each in self._own
        ]
        return select(*found).order_by(*self.table.primary_key)

    def rows(self, found: Iterable[Values]) -> list[tuple[Any, ...]]:
        """Return rows that the statement has found: JSON in one form."""
        at = {n for n, each in enumerate(self._own) if _is_json(each)}
        if not at:
            return [tuple(row) for row in found]
        return [tuple(_text(v) if n in at else v for n, v in enumerate(row)) for row in found]

    @cached_property
    def insert(self) -> Insert:
        own = [
            Column(each.name, JSON(none_as_null=True) if _is_json(each) else _raw(each.type))
            for each in self._own
        ]
        return insert(Table(self.table.name, MetaData(), *own))

    def values(self, rows: Iterable[Values]) -> list[dict[str, Any]]:
        """Return rows of a file as what the insert takes."""
        names = [(each.name, _is_json(each)) for each in self._own]
        return [
            {
                name: _loaded(value) if is_json else value
                for (name, is_json), value in zip(names, row, strict=True)
            }
            for row in rows
        ]

    def among(self, rows: Sequence[Values]) -> ColumnElement[bool]:
        """Return the condition of a row to be one of these, by its primary key."""
        key = [type_coerce(self._own[at], _raw(self._own[at].type)) for at in self.key]
        if len(key) == 1:
            return key[0].in_([row[self.key[0]] for row in rows])
        return tuple_(*key).in_([self.key_of(row) for row in rows])

    def key_of(self, row: Values) -> tuple[Any, ...]:
        return tuple(row[at] for at in self.key)

    @cached_property
    def _own(self) -> list[Column[Any]]:
        return [each for each in self.table.columns if each.computed is None]


class Digest:
    """What rows are, in short: equal for the same rows in any order, and for no others."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, rows: Iterable[Values]) -> None:
        for row in rows:
            self._sum += int.from_bytes(digest_of(row))
            self.rows += 1

    @property
    def text(self) -> str:
        return f"{self._sum % _MODULUS:064x}"


def digest_of(row: Values) -> bytes:
    text = json.dumps([_plain(value) for value in row], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def tables() -> Iterator[Stored]:
    """Yield every table that the migrations make, parents before their children.

    The gate is of the database, and not of its data.
    """
    for table in Base.metadata.sorted_tables:
        if table.info.get("managed") is not False and table is not GATE:
            yield Stored(table)


def _is_json(column: Column[Any]) -> bool:
    return isinstance(_raw(column.type), JSON)


def _raw(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    if isinstance(type_, TypeDecorator) and not isinstance(type_, UtcDateTime):
        return _raw(type_.impl_instance)
    return type_


def _text(value: str | None) -> str | None:
    if value is None:
        return None
    loaded = json.loads(value)
    return json.dumps(loaded, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _loaded(value: str | None) -> Any:  # noqa: ANN401 - whatever JSON has
    # Its own null is something, and that of SQL nothing.
    return JSON.NULL if value == "null" else None if value is None else json.loads(value)


def _plain(value: Any) -> object:  # noqa: ANN401, PLR0911 - a value of any column
    match value:
        case datetime():
            naive = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
            return naive.isoformat(timespec="microseconds")
        case Enum():
            return value.name
        case str() | bool() | int() | None:
            return value
        case bytes():
            return hashlib.sha256(value).hexdigest()
        case Decimal():
            return f"{value.normalize(_EXACT):f}" if value else "0"
        case timedelta():
            return value // timedelta(microseconds=1)
        case date() | time():
            return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)
