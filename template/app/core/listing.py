"""Lists that are sorted, filtered and walked as their resource declares it, and in no other way.

What clients may ask stands in the resource's query class (a subclass of `PageQuery`); which columns
answer it, in its `Listing`. Every sort needs an index on its column and the id, and no NULL.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from sqlalchemy import BindParameter, ColumnElement, Row, Select, and_, bindparam, func, or_, select

from app.core.database import ReadConnection
from app.core.errors import InvalidInput
from app.core.pagination import DEEPEST_ROW, Asked, Cursors, Page, PageQuery, Position

Item = TypeVar("Item", bound=BaseModel)
Column = ColumnElement[Any]
Values = dict[str, object]

BACKWARDS = "-"
LONGEST_KEY = 100
_VALUE: BindParameter[Any] = bindparam("value")
_ID: BindParameter[Any] = bindparam("id")
# Sorts after every text that begins with what stands before it.
_LAST = "\U0010ffff"


def sort_key(text: str) -> str:
    """Return `text` as it is sorted and searched: without case and accents."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in letters if not unicodedata.combining(each))[:LONGEST_KEY]


@dataclass(frozen=True)
class Filter:
    """A condition, and how a client's text becomes the values it compares with."""

    condition: ColumnElement[bool]
    bind: Callable[[str], Values]


def equals(column: Column) -> Filter:
    """Return the filter for rows with exactly this value."""
    name = f"is_{column.key}"
    return Filter(column == bindparam(name), lambda text: {name: text})


def begins(column: Column) -> Filter:
    """Return the filter for the beginning of a `sort_key`: a range of its index."""
    first, last = f"from_{column.key}", f"to_{column.key}"
    condition = and_(column >= bindparam(first), column < bindparam(last))
    return Filter(condition, lambda text: {first: sort_key(text), last: sort_key(text) + _LAST})


@dataclass(frozen=True, eq=False)
class Listing(Generic[Item]):
    """The lists of one resource. Each statement is built when first needed, and kept.

    `rows` are identified by `ident`. Each sort goes backwards too, as `-name`.
    """

    items: type[Page[Item]]
    rows: Select[Any]
    ident: Column
    sorts: Mapping[str, Column]
    filters: Mapping[str, Filter]
    count_to: int = DEEPEST_ROW
    _statements: dict[tuple[object, ...], Select[Any]] = field(default_factory=dict, init=False)

    async def page(self, reads: ReadConnection, query: PageQuery, cursors: Cursors) -> Page[Item]:
        """Return the page that is asked for; raises InvalidInput for a cursor of another list."""
        position = cursors.read(query.cursor) if query.cursor is not None else None
        asked = query.asked() if position is None else _continued(query, position)
        filtering = self._bind(asked)
        # One row more than asked for tells whether there is a next page.
        values = filtering | {"limit": query.limit + 1} | _place(query, position)
        statement = self._kept(_build_from if position is None else _build_after, asked)
        rows = (await reads.execute(statement, values)).all()
        found: Values = {"items": rows[: query.limit]}
        if len(rows) > query.limit:
            found["next"] = cursors.write(self._position(asked, rows[query.limit - 1]))
        if query.is_counted:
            counting = await reads.execute(self._kept(_build_count, asked), filtering)
            count = counting.scalar_one()
            found["total"] = min(count, self.count_to)
            found["total_is_exact"] = count <= self.count_to
        return self.items.model_validate(found)

    def order(self, asked: Asked) -> tuple[Column, bool]:
        """Return the column that a list is sorted by, and whether backwards."""
        name = asked["sort"]
        return self.sorts[name.removeprefix(BACKWARDS)], name.startswith(BACKWARDS)

    def conditions(self, asked: Asked) -> list[ColumnElement[bool]]:
        """Return the conditions of the filters that are asked for."""
        return [each.condition for name, each in self.filters.items() if name in asked]

    def _bind(self, asked: Asked) -> Values:
        values: Values = {}
        for name in asked.keys() & self.filters.keys():
            values |= self.filters[name].bind(asked[name])
        return values

    def _position(self, asked: Asked, row: Row[Any]) -> Position:
        column, _ = self.order(asked)
        return Position(asked, row._mapping[column], row._mapping[self.ident])  # noqa: SLF001 - public by its manual

    def _kept(self, build: Build, asked: Asked) -> Select[Any]:
        shape = (build, asked["sort"], *sorted(asked))
        if shape not in self._statements:
            self._statements[shape] = build(self, asked)
        return self._statements[shape]


Build = Callable[[Listing[Any], Asked], Select[Any]]


def _build_from(listing: Listing[Any], asked: Asked) -> Select[Any]:
    column, backwards = listing.order(asked)
    order = (column.desc(), listing.ident.desc()) if backwards else (column, listing.ident)
    rows = listing.rows.where(*listing.conditions(asked)).order_by(*order)
    return rows.limit(bindparam("limit")).offset(bindparam("offset"))


def _build_after(listing: Listing[Any], asked: Asked) -> Select[Any]:
    column, backwards = listing.order(asked)
    # The first condition alone is a range of the index, on every database; the second breaks ties.
    if backwards:
        after = column <= _VALUE, or_(column < _VALUE, listing.ident < _ID)
    else:
        after = column >= _VALUE, or_(column > _VALUE, listing.ident > _ID)
    return _build_from(listing, asked).where(*after)


def _build_count(listing: Listing[Any], asked: Asked) -> Select[Any]:
    some = select(listing.ident).where(*listing.conditions(asked)).limit(listing.count_to + 1)
    return select(func.count()).select_from(some.subquery())


def _place(query: PageQuery, position: Position | None) -> Values:
    if position is None:
        return {"offset": query.offset}
    return {"offset": 0, "value": position.value, "id": position.id}


def _continued(query: PageQuery, position: Position) -> Asked:
    """Return what the cursor's list was asked for; the query may repeat it, not change it."""
    if any(position.asked.get(name) != value for name, value in query.given().items()):
        location = "query.cursor"
        raise InvalidInput(location, "belongs to a list with another sort or other filters")
    return position.asked
