"""What a statistic is, and the statement that counts days of it."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal, cast

from pydantic import JsonValue
from sqlalchemy import (
    Column,
    ColumnElement,
    Enum,
    Row,
    Select,
    String,
    and_,
    case,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app import modules
from app.core.business_days import begin_of, end_of

Attribute = InstrumentedAttribute[Any]
Number = int | float | Decimal | None
Dimensions = tuple[str | None, ...]
Numbers = list[JsonValue]
# What is counted together: a day's rows that are alike in every dimension.
Cell = tuple[date, Dimensions]

OF_ENDPOINTS = {"day", "from", "per", "to"}
_MERGES = {"count": sum, "sum": sum, "min": min, "max": max}


@dataclass(frozen=True)
class Measure:
    """A number of all rows that are counted together."""

    kind: Literal["count", "sum", "min", "max"]
    column: Attribute | None = None

    def __post_init__(self) -> None:
        if self.type not in (int, float, Decimal):
            raise TypeError(f"{self.column} is no number")

    @property
    def type(self) -> type:
        return int if self.column is None else self.column.type.python_type

    @property
    def counted(self) -> ColumnElement[Any]:
        return literal_column("1") if self.column is None else _column(self.column)

    def of(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        aggregate: ColumnElement[Any] = getattr(func, self.kind)(column)
        return aggregate

    def stored(self, value: Any) -> JsonValue:  # noqa: ANN401 - as each driver has it
        """Return a number as JSON keeps it exactly; databases differ in the type of a sum."""
        if value is None or self.type is float:
            return cast("JsonValue", value)
        return int(value) if self.type is int else str(Decimal(value).normalize())

    def number(self, stored: JsonValue) -> Number:
        return None if stored is None else self.type(stored)

    def merged(self, stored: Sequence[JsonValue]) -> JsonValue:
        """Return the number of several cells together."""
        numbers = [self.number(each) for each in stored if each is not None]
        return self.stored(_MERGES[self.kind](numbers)) if numbers else None  # type: ignore[operator]


def count() -> Measure:
    """How many rows there are."""
    return Measure("count")


def total(column: Attribute) -> Measure:
    """What the column's values are together; nothing where all are NULL."""
    return Measure("sum", column)


def smallest(column: Attribute) -> Measure:
    return Measure("min", column)


def largest(column: Attribute) -> Measure:
    return Measure("max", column)


@dataclass(frozen=True, eq=False)
class Statistic:
    """Numbers of a table's rows per day of `at`, for each value of the columns in `by`.

    A row without an `at` is in no day. The database must mark what changes: docs/statistics.md.
    """

    name: str
    at: Attribute
    by: Mapping[str, Attribute]
    measures: Mapping[str, Measure]

    def __post_init__(self) -> None:
        names = [*self.by, *self.measures]
        taken = {each for each in names if names.count(each) > 1 or each in OF_ENDPOINTS}
        if taken:
            raise ValueError(f"{self.name}: {', '.join(sorted(taken))} would mean two things")

    @property
    def column(self) -> Column[Any]:
        """The column of the day, in its table."""
        return _column(self.at)

    @property
    def source(self) -> str:
        """Whose changes are marked: a table and its column of the day."""
        return f"{self.column.table.name}.{self.column.name}"

    def digest(self, zone: tzinfo) -> str:
        """Return what kept numbers depend on, in short: another one means to count anew."""
        by = {name: str(column) for name, column in self.by.items()}
        measures = {name: (each.kind, str(each.column)) for name, each in self.measures.items()}
        declared = repr((self.source, by, measures, str(zone)))
        return hashlib.sha256(declared.encode()).hexdigest()[:32]

    def counting(self, days: Sequence[date], zone: tzinfo) -> Select[Any]:
        """Return the statement that counts these days, which are in order, at one moment."""
        column = self.column
        by = [Exactly(_column(each)).label(f"by_{n}") for n, each in enumerate(self.by.values())]
        of = [each.counted.label(f"of_{n}") for n, each in enumerate(self.measures.values())]
        day = _number(column, [begin_of(each, zone) for each in days[1:]]).label("day")
        rows = select(day, *by, *of).where(within(column, days, zone)).subquery()
        groups = [rows.c.day, *(rows.c[f"by_{n}"] for n in range(len(self.by)))]
        counted = [each.of(rows.c[f"of_{n}"]) for n, each in enumerate(self.measures.values())]
        return select(*groups, *counted).group_by(*groups)

    def cells(self, rows: Sequence[Row[Any]], days: Sequence[date]) -> dict[Cell, Numbers]:
        """Return what the statement has found for these days."""
        width = 1 + len(self.by)
        return {
            (days[row[0]], tuple(map(_text, row[1:width]))): [
                measure.stored(value)
                for measure, value in zip(self.measures.values(), row[width:], strict=True)
            ]
            for row in rows
        }


def within(column: Column[Any], days: Sequence[date], zone: tzinfo) -> ColumnElement[bool]:
    """Return the condition of an instant to be on one of these days, which are in order."""
    return or_(
        *(
            and_(column >= begin_of(first, zone), column < end_of(last, zone))
            for first, last in _runs(days)
        )
    )


def _number(column: Column[Any], begins: Sequence[datetime], before: int = 0) -> ColumnElement[int]:
    """Return the number of an instant's day, found by halves: in nine steps for a year."""
    if not begins:
        return literal_column(f"{before}")
    half = len(begins) // 2
    earlier = _number(column, begins[:half], before)
    later = _number(column, begins[half + 1 :], before + half + 1)
    return case((column < begins[half], earlier), else_=later)


def _column(attribute: Attribute) -> Column[Any]:
    """Return the column itself: what a mapping makes of it is nothing to count by."""
    return cast("Column[Any]", attribute.property.columns[0])


def _runs(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Yield the first and the last of each run of days without a gap."""
    first = days[0]
    for one, other in pairwise(days):
        if other - one > timedelta(days=1):
            yield first, one
            first = other
    yield first, days[-1]


def _text(value: Any) -> str | None:  # noqa: ANN401 - a value of any column
    if isinstance(value, bool):
        return str(value).lower()
    value = value.value if isinstance(value, enum.Enum) else value
    value = value.decode() if isinstance(value, bytes) else value
    return None if value is None else str(value)


class Exactly(FunctionElement[Any]):
    """A column whose texts are alike byte by byte, which MySQL sees otherwise."""

    inherit_cache = True

    def __init__(self, column: Column[Any]) -> None:
        super().__init__(column)
        self.type = column.type


@compiles(Exactly)
def _plain(element: Exactly, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return compiler.process(element.clauses, **options)


@compiles(Exactly, "mysql", "mariadb")
def _binary(element: Exactly, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    plain = compiler.process(element.clauses, **options)
    if not isinstance(element.type, String) or isinstance(element.type, Enum):
        return plain
    return f"CAST(CONVERT({plain} USING utf8mb4) AS BINARY)"


def declared() -> dict[str, Statistic]:
    """Return every statistic that a module declares, by its name; raises ValueError for two."""
    found: dict[str, Statistic] = {}
    for _, file in modules.files("statistics"):
        for each in vars(file).values():
            if isinstance(each, Statistic) and found.setdefault(each.name, each) is not each:
                raise ValueError(f"two statistics are called {each.name}")
    return found
