"""What is counted: the statistics of a module's `statistics.py`, found by being there.

Such a file has `STATISTICS`: a sequence of them, beside the model whose rows they count.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Column, Table
from sqlalchemy.orm import InstrumentedAttribute

from app import modules
from app.core.database import UtcDateTime

AnyColumn = InstrumentedAttribute[Any]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
# What the endpoint and its answer call otherwise.
_TAKEN = {"from", "to", "per", "day"}


class BadStatistic(ValueError):
    """A statistic cannot be declared like this; says why."""


@dataclass(frozen=True)
class Measure:
    """A number of each day: of rows, or of what a column has in them.

    `count` counts rows, or those where the column is not NULL; the others skip NULL, and are NULL
    where there is nothing else.
    """

    function: Literal["count", "sum", "min", "max"]
    column: AnyColumn | None = None

    @property
    def type(self) -> Any:  # noqa: ANN401 - a type, or one of them and None
        if self.function == "count" or self.column is None:
            return int
        return _type_of(self.column) | None


@dataclass(frozen=True, eq=False)
class Statistic:
    """Numbers per day and dimension: each row of a table counts on the day of its `at`.

    A row whose `at` is NULL counts on none. `by` are columns, whose names are the dimensions'.
    Raises BadStatistic where it could not be right at any time.
    """

    name: str
    at: AnyColumn
    by: tuple[AnyColumn, ...]
    values: Mapping[str, Measure]

    def __post_init__(self) -> None:
        if problem := _problem(self):
            raise BadStatistic(f"statistic {self.name!r}: {problem}")

    @property
    def table(self) -> Table:
        return cast("Table", self.at.property.columns[0].table)

    @property
    def columns(self) -> list[AnyColumn]:
        measured = (each.column for each in self.values.values())
        return [self.at, *self.by, *(each for each in measured if each is not None)]

    @property
    def types(self) -> dict[str, Any]:
        """What each field of a cell is in Python, the dimensions first."""
        dimensions = {column.key: _type_of(column) | None for column in self.by}
        return dimensions | {name: each.type for name, each in self.values.items()}


@dataclass(frozen=True, eq=False)
class Source:
    """A table and its instants, with all that is counted by them; they are rolled up together."""

    name: str
    module: str
    statistics: tuple[Statistic, ...]

    @property
    def at(self) -> AnyColumn:
        return self.statistics[0].at

    @property
    def columns(self) -> list[str]:
        """The columns whose changes must leave a mark, in the order of their names."""
        every = (column for each in self.statistics for column in each.columns)
        return sorted({_column(column).name for column in every} - {_column(self.at).name})

    @property
    def triggers(self) -> str:
        """How the names of its triggers begin; as the revision that makes them has it."""
        text = json.dumps([self.statistics[0].table.name, _column(self.at).name, *self.columns])
        return f"statistics_{hashlib.sha256(text.encode()).hexdigest()[:16]}_"

    def declared_as(self, zone: ZoneInfo) -> str:
        """Return what tells these declarations, and the days of this zone, from others."""
        told = [
            [each.name, repr(each.types), [v.function for v in each.values.values()]]
            + [str(_column(column)) for column in each.columns]
            for each in self.statistics
        ]
        return hashlib.sha256(json.dumps([zone.key, told]).encode()).hexdigest()


@functools.cache
def sources() -> Mapping[str, Source]:
    """Return what is counted, by the name of the table and its column; raises BadStatistic."""
    found: dict[str, Source] = {}
    names: set[str] = set()
    for listed, file in modules.files("statistics"):
        for each in file.STATISTICS:
            if each.name in names:
                raise BadStatistic(f"two statistics are called {each.name!r}")
            names.add(each.name)
            source, module = str(_column(each.at)), listed.rpartition(".")[2]
            others = found[source].statistics if source in found else ()
            found[source] = Source(source, module, (*others, each))
    return found


def _column(attribute: AnyColumn) -> Column[Any]:
    return cast("Column[Any]", attribute.property.columns[0])


def _type_of(column: AnyColumn) -> Any:  # noqa: ANN401 - as above
    return datetime if isinstance(column.type, UtcDateTime) else column.type.python_type


def _problem(statistic: Statistic) -> str | None:
    names = [statistic.name, *(column.key for column in statistic.by), *statistic.values]
    if bad := [each for each in names if not _NAME.fullmatch(each) or each in _TAKEN]:
        return f"{bad[0]!r} is no name for it"
    if len(set(names[1:])) < len(names) - 1 or not statistic.values:
        return "it needs values, and no two fields of one name"
    if not isinstance(statistic.at.type, UtcDateTime):
        return f"{statistic.at} is no instant"
    if any(_column(each).table is not statistic.table for each in statistic.columns):
        return "all of its columns must be of one table"
    for column in statistic.by:
        if not issubclass(_type_of(column), (str, int, date, UUID, Enum)):
            return f"{column} has too many values, or such as cannot be compared"
    return _changes_unseen(statistic.table) or _inexact(statistic)


def _changes_unseen(table: Table) -> str | None:
    for key in table.foreign_key_constraints:
        acts = {str(action).upper() for action in (key.ondelete, key.onupdate) if action}
        if acts - {"RESTRICT", "NO ACTION"}:
            return f"rows of {table.name} change with others, for which MySQL runs no triggers"
    return None


def _inexact(statistic: Statistic) -> str | None:
    for name, each in statistic.values.items():
        if each.column is None:
            if each.function != "count":
                return f"{name} is of no column"
        elif each.function == "sum" and _type_of(each.column) not in (int, Decimal):
            return f"{name} adds what is no integer or decimal: in another order it is another sum"
        elif each.function in ("min", "max") and not _is_ordered(each.column):
            return f"{name} compares what databases and Python order differently"
    return None


def _is_ordered(column: AnyColumn) -> bool:
    return _type_of(column) in (int, float, Decimal, date, datetime)
