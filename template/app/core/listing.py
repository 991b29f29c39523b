"""Lists that are sorted, filtered and walked as their resource declares it, and in no other way.

What clients may ask stands in the resource's query class (a subclass of `PageQuery`); which columns
answer it, in its `Listing`. Every sort needs an index on its column and the id, and no NULL.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, func, or_, select

from app.core.database import ReadConnection
from app.core.errors import InvalidInput
from app.core.prepared import Prepared, Values

T = TypeVar("T")
Asked = dict[str, str]

LARGEST_PAGE = 100
# Numbered pages cost what lies before them, so they end here; cursors do not.
DEEPEST_ROW = 10_000
SIGNATURE_BYTES = 12
# Sort, filters and the last item's value, each of up to 100 letters of any script.
LONGEST_CURSOR = 2000
PAGING = {"limit", "cursor", "page", "total"}
Item = TypeVar("Item", bound=BaseModel)
Column = ColumnElement[Any]

BACKWARDS = "-"
LONGEST_KEY = 100
_VALUE: BindParameter[Any] = bindparam("value")
_ID: BindParameter[Any] = bindparam("id")
# Sorts after every text that begins with what stands before it.
_LAST = "\U0010ffff"


class PageQuery(BaseModel):
    """Which page of a list: the first, the one at `cursor`, or number `page`.

    A resource's own query adds its filters, all of them text, and narrows `sort`.
    """

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=20, ge=1, le=LARGEST_PAGE, description="How many items at most.")
    cursor: str | None = Field(
        default=None,
        max_length=LONGEST_CURSOR,
        description="`next` of the page before; it remembers sort and filters.",
    )
    page: int | None = Field(default=None, ge=1, description="Counted from 1; adds `total`.")
    total: bool = Field(default=False, description="Whether to count the items in all.")
    sort: str

    @model_validator(mode="after")
    def _either_or(self) -> Self:
        if self.cursor is not None and self.page is not None:
            raise ValueError("give either cursor or page")
        if self.page is not None and self.page * self.limit > DEEPEST_ROW:
            raise ValueError(f"numbered pages end at item {DEEPEST_ROW}; walk on by cursor")
        return self

    @property
    def offset(self) -> int:
        return ((self.page or 1) - 1) * self.limit

    @property
    def is_counted(self) -> bool:
        return self.total or self.page is not None

    def asked(self) -> Asked:
        """Return the sort and the filters."""
        return self.model_dump(exclude=PAGING, exclude_none=True)

    def given(self) -> Asked:
        """Return the sort and the filters as far as the client has given them."""
        return self.model_dump(exclude=PAGING, exclude_unset=True)


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = Field(default=None, description="The cursor of the next page.")
    total: int | None = Field(default=None, description="Items in all, where it was asked for.")
    total_is_exact: bool | None = Field(
        default=None, description=f"False when there are more; counting ends at {DEEPEST_ROW}."
    )


@dataclass(frozen=True)
class Position:
    """A place in a list: what the list was asked for, and the item that was the last so far."""

    asked: Asked
    value: datetime | str | int
    id: UUID


class Cursors:
    """Writes positions as opaque, signed text, and reads back only what it wrote."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"cursor:" + secret.encode()).digest()

    def write(self, position: Position) -> str:
        value, is_time = position.value, False
        if isinstance(value, datetime):
            value, is_time = value.isoformat(), True
        payload = orjson.dumps([position.asked, value, is_time, position.id.hex])
        return base64.urlsafe_b64encode(self._sign(payload) + payload).decode().rstrip("=")

    def read(self, cursor: str) -> Position:
        """Return the position of `cursor`; raises InvalidInput for anything not written here."""
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except (binascii.Error, ValueError):
            raw = b""
        signature, payload = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
        if not payload or not hmac.compare_digest(signature, self._sign(payload)):
            raise InvalidInput("query.cursor", "is not one that this api has given out")
        asked, value, is_time, id_ = orjson.loads(payload)
        return Position(asked, datetime.fromisoformat(value) if is_time else value, UUID(id_))

    def _sign(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")[:SIGNATURE_BYTES]


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
    name = f"is_{column.key}"
    return Filter(column == bindparam(name), lambda text: {name: text})


def begins(column: Column) -> Filter:
    """Return the filter for the beginning of a `sort_key`: a range of its index."""
    first, last = f"from_{column.key}", f"to_{column.key}"
    condition = and_(column >= bindparam(first), column < bindparam(last))
    return Filter(condition, lambda text: {first: sort_key(text), last: sort_key(text) + _LAST})


@dataclass(frozen=True, eq=False)
class Listing(Generic[Item]):
    """The lists of one resource. Each statement is prepared when first needed, and kept.

    `rows` are identified by `ident`. Each sort goes backwards too, as `-name`.
    """

    items: type[Page[Item]]
    rows: Select[Any]
    ident: Column
    sorts: Mapping[str, Column]
    filters: Mapping[str, Filter]
    count_to: int = DEEPEST_ROW
    _statements: dict[tuple[object, ...], Prepared] = field(default_factory=dict, init=False)

    async def page(self, reads: ReadConnection, query: PageQuery, cursors: Cursors) -> Page[Item]:
        """Return the page that is asked for; raises InvalidInput for a cursor of another list."""
        if query.cursor is None:
            asked, build = query.asked(), _build_numbered
            place: Values = {"offset": query.offset}
        else:
            position = _continued(query, cursors.read(query.cursor))
            asked, build = position.asked, _build_after
            place = {"value": position.value, "id": position.id}
        filtering = self._bind(asked)
        # One row more than asked for tells whether there is a next page.
        values = {**filtering, "limit": query.limit + 1, **place}
        rows = await reads.rows(self._kept(build, asked), values)
        found: dict[str, object] = {"items": rows[: query.limit]}
        if len(rows) > query.limit:
            found["next"] = cursors.write(self._position(asked, rows[query.limit - 1]))
        if query.is_counted:
            ((count,),) = await reads.rows(self._kept(_build_count, asked), filtering)
            found["total"] = min(count, self.count_to)
            found["total_is_exact"] = count <= self.count_to
        return self.items.model_validate(found)

    def order(self, asked: Asked) -> tuple[Column, bool]:
        """Return the column that a list is sorted by, and whether backwards."""
        name = asked["sort"]
        return self.sorts[name.removeprefix(BACKWARDS)], name.startswith(BACKWARDS)

    def after(self, asked: Asked, value: Any, ident: Any) -> ColumnElement[bool]:  # noqa: ANN401
        """Return the condition of what comes after an item, by what it is sorted by and its id.

        Its first part alone is a range of the index, on every database; the second breaks ties.
        """
        column, backwards = self.order(asked)
        if backwards:
            return and_(column <= value, or_(column < value, self.ident < ident))
        return and_(column >= value, or_(column > value, self.ident > ident))

    def conditions(self, asked: Asked) -> list[ColumnElement[bool]]:
        return [each.condition for name, each in self.filters.items() if name in asked]

    def _bind(self, asked: Asked) -> dict[str, object]:
        values: dict[str, object] = {}
        for name in asked.keys() & self.filters.keys():
            values |= self.filters[name].bind(asked[name])
        return values

    def _position(self, asked: Asked, row: Any) -> Position:  # noqa: ANN401
        column, _ = self.order(asked)
        value, ident = (getattr(row, _name_in(self.rows, each)) for each in (column, self.ident))
        return Position(asked, value, ident)

    def _kept(self, build: Build, asked: Asked) -> Prepared:
        shape = (build, asked["sort"], *sorted(asked))
        if shape not in self._statements:
            self._statements[shape] = Prepared(build(self, asked))
        return self._statements[shape]


@functools.cache
def _name_in(rows: Select[Any], column: Column) -> str:
    """Return what a column is called among those of a row."""
    selected = rows.selected_columns.corresponding_column(column)
    return str((column if selected is None else selected).key)


Build = Callable[[Listing[Any], Asked], Select[Any]]


def _build(listing: Listing[Any], asked: Asked) -> Select[Any]:
    column, backwards = listing.order(asked)
    order = (column.desc(), listing.ident.desc()) if backwards else (column, listing.ident)
    rows = listing.rows.where(*listing.conditions(asked)).order_by(*order)
    return rows.limit(bindparam("limit"))


def _build_numbered(listing: Listing[Any], asked: Asked) -> Select[Any]:
    return _build(listing, asked).offset(bindparam("offset"))


def _build_after(listing: Listing[Any], asked: Asked) -> Select[Any]:
    return _build(listing, asked).where(listing.after(asked, _VALUE, _ID))


def _build_count(listing: Listing[Any], asked: Asked) -> Select[Any]:
    some = select(listing.ident).where(*listing.conditions(asked)).limit(listing.count_to + 1)
    return select(func.count()).select_from(some.subquery())


def _continued(query: PageQuery, position: Position) -> Position:
    """Return the cursor's position; the query may repeat what its list was asked, not change it."""
    if any(position.asked.get(name) != value for name, value in query.given().items()):
        raise InvalidInput("query.cursor", "belongs to a list with another sort or other filters")
    return position
