"""What a transfer is: which columns of a resource a file has, and how its rows are written."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, get_args

from pydantic import BaseModel
from sqlalchemy import Column, ColumnElement, Row, Select

from app import modules
from app.core.database import WriteSession
from app.core.listing import Listing, PageQuery
from app.core.prepared import Values
from app.features.transfers.values import kind

NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
# What a statement calls that which says where a row is in its list, where a file does not have it.
PLACES = ("in_list_by", "in_list_id")


class Written(StrEnum):
    """What has become of one row of an import."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


# Writes rows of the transfer's `row`, of which no two have the same key, in the caller's
# transaction: creates those whose key is new, updates the others. Says for each what it was.
Write = Callable[[WriteSession, Sequence[Any]], Awaitable[Sequence[Written]]]


@dataclass(frozen=True, eq=False)
class Transfer:
    """A resource whose rows go out as files, and come in by them.

    A file has the columns that the api gives of an item: nobody finds more in it. `row` is what an
    import takes of them, validated; `key` are its fields by which a row is known again. Raises
    TypeError for a column of a type that no file has a place for.
    """

    name: str
    listing: Listing[Any]
    query: type[PageQuery]
    row: type[BaseModel]
    key: tuple[str, ...]
    write: Write
    # What people call it, in the names of their files.
    title: str = ""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name: small letters, digits and _")
        if not self.key or not set(self.key) <= self.row.model_fields.keys():
            raise ValueError(f"{self.name}: its key is no fields of its row: {self.key}")
        for each in self.columns.values():
            kind(each.type)

    @cached_property
    def columns(self) -> dict[str, Column[Any]]:
        """The columns of a file, in their order, by what they are called there."""
        (item,) = get_args(self.listing.items.model_fields["items"].annotation)
        selected = self.listing.rows.selected_columns
        return {
            name: Column(name, selected[name].type, nullable=_is_nullable(selected[name]))
            for name in item.model_fields
            if name in selected
        }

    def selecting(self, query: PageQuery) -> tuple[Select[Any], Values]:
        """Return the statement of all rows of a list, in its order, and its values.

        After the columns of a file it has what says where a row is in the list, unless they do.
        """
        asked = query.asked()
        values: dict[str, object] = {}
        for name in asked.keys() & self.listing.filters.keys():
            values |= self.listing.filters[name].bind(asked[name])
        selected = self.listing.rows.selected_columns
        places = self._places(query)
        rows = self.listing.rows.with_only_columns(
            *(selected[name] for name in self.columns),
            *(column.label(name) for name, column in places if name not in self.columns),
            maintain_column_froms=True,
        )
        _, backwards = self.listing.order(asked)
        order = (column.desc() if backwards else column for _, column in places)
        return rows.where(*self.listing.conditions(asked)).order_by(*order), values

    def after(self, row: Row[Any], query: PageQuery) -> ColumnElement[bool]:
        """Return the condition of what comes after a row of that list: a range of its index."""
        (name, _), (ident, _) = self._places(query)
        return self.listing.after(query.asked(), getattr(row, name), getattr(row, ident))

    def _places(self, query: PageQuery) -> list[tuple[str, ColumnElement[Any]]]:
        """Return the two columns that a list is sorted by, and what its rows call them."""
        column, _ = self.listing.order(query.asked())
        selected = self.listing.rows.selected_columns
        known = {selected[name]: name for name in self.columns}
        places = zip(PLACES, (column, self.listing.ident), strict=True)
        return [(known.get(each, name), each) for name, each in places]


def _is_nullable(column: Any) -> bool:  # noqa: ANN401 - a column or any other expression
    """Say whether it may be NULL: of an expression nobody knows."""
    return bool(getattr(column, "nullable", True))


def declared() -> dict[str, Transfer]:
    """Return every transfer that a module declares, by its name; raises ValueError for two."""
    found: dict[str, Transfer] = {}
    for _, file in modules.files("transfers"):
        for each in vars(file).values():
            if isinstance(each, Transfer) and found.setdefault(each.name, each) is not each:
                raise ValueError(f"two transfers are called {each.name}")
    return found
