"""What is frozen, and what has to be true before a period is closed: a module's `periods.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, ForeignKey, Select, Table, and_, select
from sqlalchemy.orm import InstrumentedAttribute

from app import modules
from app.core.database import Base

Attribute = InstrumentedAttribute[Any]


@dataclass(frozen=True, eq=False)
class Frozen:
    """Rows of a table that belong to the period in which their instant `at` lies.

    Rows of another table belong to that of the row which `of`, a foreign key of theirs, refers to.
    A row without an instant belongs to none.
    """

    at: Attribute
    of: Attribute | None = None

    def __post_init__(self) -> None:
        if self.of is not None and self._referred is None:
            raise TypeError(f"{self.of} is no foreign key of {self.instant.table.name}")

    @property
    def instant(self) -> Column[Any]:
        return _column(self.at)

    @property
    def table(self) -> Table:
        return (self.instant if self.of is None else _column(self.of)).table

    @property
    def reference(self) -> tuple[Column[Any], Column[Any]] | None:
        """The foreign key and what it refers to; None where the instant is the row's own."""
        if self.of is None or self._referred is None:
            return None
        return _column(self.of), self._referred

    def within(self, begin: datetime, end: datetime) -> ColumnElement[bool]:
        """Return the condition of a row to belong to the period between two instants."""
        inside = and_(self.instant >= begin, self.instant < end)
        if self.reference is None:
            return inside
        own, referred = self.reference
        return own.in_(select(referred).where(inside))

    @property
    def _referred(self) -> Column[Any] | None:
        if self.of is None:
            return None
        targets = (each.column for each in _column(self.of).foreign_keys)
        return next((each for each in targets if each.table is self.instant.table), None)


@dataclass(frozen=True, eq=False)
class Check:
    """What must not be there when a period is closed: rows that a query finds between instants."""

    name: str
    faults: Callable[[datetime, datetime], Select[Any]]


def frozen() -> dict[str, Frozen]:
    """Return what is declared frozen, by table, children before their parents."""
    found: dict[str, Frozen] = {}
    for _, file in modules.files("periods"):
        for each in vars(file).values():
            if isinstance(each, Frozen) and found.setdefault(each.table.name, each) is not each:
                raise ValueError(f"{each.table.name} is declared frozen twice")
    order = [table.name for table in reversed(Base.metadata.sorted_tables)]
    return {name: found[name] for name in order if name in found}


def checks() -> list[Check]:
    files = (file for _, file in modules.files("periods"))
    return [each for file in files for each in vars(file).values() if isinstance(each, Check)]


def carried_away() -> list[str]:
    """Name the foreign keys whose rows go or change with frozen ones, and are not frozen too."""
    known = frozen()
    return [
        f"{each.parent.table.name}.{each.parent.name}"
        for table in Base.metadata.sorted_tables
        for each in table.foreign_keys
        if each.column.table.name in known and each.ondelete and not _is_followed(each, known)
    ]


def _is_followed(key: ForeignKey, known: dict[str, Frozen]) -> bool:
    reaction = (key.ondelete or "").upper()
    own = known.get(key.parent.table.name)
    followed = own is not None and own.reference is not None and own.reference[0] is key.parent
    return followed or reaction in ("RESTRICT", "NO ACTION")


def _column(attribute: Attribute) -> Column[Any]:
    return cast("Column[Any]", attribute.property.columns[0])
