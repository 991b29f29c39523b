"""Cells: the numbers of one bucket of time and one combination of dimensions.

They come from the table itself (`counted`) or from days that are kept, and are put together here.
A cell is a tuple: the dimensions first, then the values.
"""

from __future__ import annotations

import functools
import operator
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import (
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    SQLColumnExpression,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)

from app.features.statistics.declared import Statistic

Cell = tuple[Any, ...]
# From the first instant to just before the second.
Span = tuple[datetime, datetime]

COMBINED: Mapping[str, Callable[[Any, Any], Any]] = {
    "count": operator.add,
    "sum": operator.add,
    "min": min,
    "max": max,
}
# Other databases group texts by what they are; MySQL by what its language takes for alike.
_EXACT = String().with_variant(LargeBinary(), "mysql", "mariadb")


@functools.cache
def kept_form(statistic: Statistic) -> TypeAdapter[list[Cell]]:
    """Return what writes cells as JSON and reads them back, and gives each value its type."""
    cell: Any = tuple.__class_getitem__(tuple(statistic.types.values()))
    return TypeAdapter(list[cell])


def typed(statistic: Statistic, rows: Sequence[Sequence[Any]]) -> list[Cell]:
    """Return the cells of what `counted` has found: a sum of integers is one, not a decimal."""
    return kept_form(statistic).validate_python([tuple(row[1:]) for row in rows])


def counted(statistic: Statistic, spans: Sequence[Span], begins: Sequence[datetime]) -> Select[Any]:
    """Return what counts the rows of these spans: the number of the bucket, then the cell.

    Bucket 0 begins at `begins[0]`, and each lasts until the next one.
    """
    dimensions = [column.label(f"d{i}") for i, column in enumerate(statistic.by)]
    measured = [
        (literal(1) if each.column is None else each.column).label(f"v{i}")
        for i, each in enumerate(statistic.values.values())
    ]
    bucket = _bucket(statistic.at, begins[1:], 0).label("bucket")
    # In two steps, so that the bucket is one expression: its parameters would differ otherwise.
    rows = select(bucket, *dimensions, *measured).where(within(statistic.at, spans)).subquery()
    grouped = [rows.c.bucket, *(rows.c[each.name] for each in dimensions)]
    exact = [cast(column, _EXACT) for column in grouped if isinstance(column.type, String)]
    values = (
        getattr(func, each.function)(rows.c[f"v{i}"])
        for i, each in enumerate(statistic.values.values())
    )
    return select(*grouped, *values).group_by(*grouped, *exact)


def within(at: SQLColumnExpression[Any], spans: Sequence[Span]) -> ColumnElement[bool]:
    return or_(*(and_(at >= begin, at < end) for begin, end in spans))


def _bucket(at: SQLColumnExpression[Any], begins: Sequence[datetime], number: int) -> Any:  # noqa: ANN401
    """Find it by halves: a row is compared nine times for a year of days."""
    if not begins:
        return literal(number, Integer)
    half = len(begins) // 2
    earlier = _bucket(at, begins[:half], number)
    return case(
        (at < begins[half], earlier), else_=_bucket(at, begins[half + 1 :], number + half + 1)
    )


class Cells:
    """Cells that are put together, by their bucket and dimensions."""

    def __init__(self, statistic: Statistic, begins: Sequence[datetime]) -> None:
        self.statistic = statistic
        self.begins = begins
        self._width = len(statistic.by)
        self._combined = [_or_none(COMBINED[v.function]) for v in statistic.values.values()]
        self._found: dict[tuple[int, Cell], list[Any]] = {}

    def add_counted(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add what `counted` has found."""
        found = list(rows)
        cells = typed(self.statistic, found)
        for row, cell in zip(found, cells, strict=True):
            self._add(row[0], cell)

    def add_kept(self, begin: datetime, cells: str) -> None:
        """Add what is kept of the day that begins then."""
        bucket = bisect_right(self.begins, begin) - 1
        for cell in kept_form(self.statistic).validate_json(cells):
            self._add(bucket, cell)

    def _add(self, bucket: int, cell: Cell) -> None:
        key, values = (bucket, cell[: self._width]), cell[self._width :]
        before = self._found.get(key)
        if before is None:
            self._found[key] = list(values)
            return
        for i, combine in enumerate(self._combined):
            before[i] = combine(before[i], values[i])

    def rows(self, having: Mapping[str, object]) -> list[tuple[int, dict[str, Any]]]:
        """Return what has these dimensions, each with its bucket, in their order."""
        names = list(self.statistic.types)
        every = (
            (bucket, dict(zip(names, (*dimensions, *values), strict=True)))
            for (bucket, dimensions), values in self._found.items()
        )
        found = [
            (bucket, row)
            for bucket, row in every
            if all(row[name] == value for name, value in having.items())
        ]
        by = [column.key for column in self.statistic.by]
        return sorted(found, key=lambda each: (each[0], *(_sortable(each[1][n]) for n in by)))


def _or_none(combine: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def combined(one: Any, other: Any) -> Any:  # noqa: ANN401 - whatever a column has
        if one is None or other is None:
            return other if one is None else one
        return combine(one, other)

    return combined


def _sortable(value: Any) -> tuple[bool, Any]:  # noqa: ANN401 - as above
    return value is None, value
