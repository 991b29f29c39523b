"""Rows of SQLAlchemy's columns as Parquet, and back as what the columns take.

    with written(path, columns) as write:
        write(rows)
    for rows in read(path, columns):
        ...

One batch is in memory at a time. What Parquet has no kind for is text: JSON, UUIDs, enumerations.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    String,
    Time,
    Uuid,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from app.core.database import UtcDateTime

BATCH = 1000
# The most that decimal128 has; how many of them are a fraction where a column does not say.
DIGITS, FRACTION = 38, 10

Columns = Sequence[Column[Any]]
Write = Callable[[Sequence[Sequence[Any]]], None]


@dataclass(frozen=True)
class Kind:
    """A column's type in Parquet; how a value that is not NULL becomes one of it, and back."""

    type: pa.DataType
    to: Callable[[Any], Any] | None = None
    back: Callable[[Any], Any] | None = None


def schema(columns: Columns) -> pa.Schema:
    """Return the schema of columns; raises TypeError for one of a type that is not known."""
    fields = [(each.name, kind(each.type).type, bool(each.nullable)) for each in columns]
    return pa.schema([pa.field(*field) for field in fields])


@contextmanager
def written(path: Path, columns: Columns) -> Iterator[Write]:
    """Yield what writes rows, each with its values in the order of the columns."""
    form = schema(columns)
    kinds = [kind(each.type) for each in columns]
    with pq.ParquetWriter(path, form, compression="zstd") as writer:

        def write(rows: Sequence[Sequence[Any]]) -> None:
            values = [
                pa.array(_each(kind.to, [row[at] for row in rows]), type=kind.type)
                for at, kind in enumerate(kinds)
            ]
            writer.write_batch(pa.record_batch(values, schema=form))

        yield write


def read(path: Path, columns: Columns, size: int = BATCH) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of a file, `size` at a time; raises KeyError where it lacks a column."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(size):
            values = [
                _each(kind(each.type).back, batch.column(each.name).to_pylist()) for each in columns
            ]
            yield list(zip(*values, strict=True))


def kind(type_: TypeEngine[Any]) -> Kind:  # noqa: C901, PLR0911, PLR0912 - a table of types
    """Return what a column's type is in Parquet."""
    match type_:
        case UtcDateTime():
            return Kind(pa.timestamp("us", tz="UTC"), back=_utc)
        case Interval():
            return Kind(pa.duration("us"))
        case TypeDecorator():
            return kind(type_.impl_instance)
        case Enum(enum_class=enum) if enum is not None:
            return Kind(pa.string(), lambda value: value.name, lambda name: enum[name])
        case String():
            return Kind(pa.string())
        case Boolean():
            return Kind(pa.bool_())
        case Integer():
            return Kind(pa.int64())
        case Float() | Numeric(asdecimal=False):
            return Kind(pa.float64(), float, _decimal if type_.asdecimal else None)
        case Numeric():
            scale = FRACTION if type_.scale is None else type_.scale
            return Kind(pa.decimal128(type_.precision or DIGITS, scale))
        case Uuid():
            return Kind(pa.string(), str, UUID if type_.as_uuid else None)
        case DateTime():
            return Kind(pa.timestamp("us", tz="UTC" if type_.timezone else None))
        case Date():
            return Kind(pa.date32())
        case Time():
            return Kind(pa.time64("us"))
        case JSON():
            return Kind(pa.string(), _json, json.loads)
        case LargeBinary():
            return Kind(pa.binary())
    raise TypeError(f"{type_!r} has no kind of Parquet: add it to app/core/parquet.py")


def _each(change: Callable[[Any], Any] | None, values: list[Any]) -> list[Any]:
    if change is None:
        return values
    return [None if value is None else change(value) for value in values]


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
