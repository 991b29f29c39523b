"""Encrypted columns: a type whose values are sealed before they come near a statement.

    iban: Mapped[Sealed | None] = mapped_column(Encrypted(34))

What is assigned and what is read is `Sealed`, which a keyset makes and opens: nothing is encrypted
or decrypted by accident, and a plain text in its place is a TypeError.
"""

from __future__ import annotations

import functools
from typing import Any

from sqlalchemy import Column, Connection, Dialect, String, Table, Text, TypeDecorator, event
from sqlalchemy import inspect as inspected
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import InstrumentedAttribute, Mapper
from sqlalchemy.types import TypeEngine

from app.core import sealing
from app.features.keys.ciphertexts import longest

AnyColumn = Column[Any] | InstrumentedAttribute[Any]
# A MySQL that compares without regard to case would take other ciphertexts for the same.
ASCII = {"charset": "ascii", "collation": "ascii_bin"}


class WrongPlace(ValueError):
    """A value would be stored where it can never be opened: seal it for its own column and row."""


class Sealed:
    """A value of an encrypted column; what it is, only a keyset says.

    `column` is where it was read or is to be stored. `bound_to` is the row that it was sealed for,
    and None where it was read.
    """

    __slots__ = ("bound_to", "column", "text")

    def __init__(self, text: str, column: str, bound_to: str | None = None) -> None:
        self.text = text
        self.column = column
        self.bound_to = bound_to

    def __repr__(self) -> str:
        return f"Sealed({self.column})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and (self.text, self.column) == (other.text, other.column)

    def __hash__(self) -> int:
        return hash((self.text, self.column))


UNKNOWN = Sealed("", "")


class Encrypted(TypeDecorator[Sealed]):
    """Text of `most_bytes` in UTF-8, or of any length, that only a keyset can read.

    One that is `deterministic` can be searched for and unique, and tells who sees the column which
    rows have the same value. `column` is filled in when the column gets its table.
    """

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = String
    cache_ok = True

    def __init__(
        self, most_bytes: int | None = None, *, deterministic: bool = False, column: str = ""
    ) -> None:
        super().__init__()
        self.most_bytes = most_bytes
        self.deterministic = deterministic
        self.column = column
        self.impl = _stored(most_bytes)

    def process_bind_param(
        self,
        value: Sealed | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> str | None:
        if value is None:
            return None
        if not isinstance(value, Sealed):
            # Not what it is: that is not sealed.
            raise TypeError(
                f"{self.column} takes what a keyset has sealed, no {type(value).__name__}"
            )
        if value.column != self.column:
            raise WrongPlace(f"{self.column} was given what was sealed for {value.column}")
        return value.text

    def process_result_value(
        self,
        value: str | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> Sealed | None:
        return None if value is None else Sealed(value, self.column)


def place(column: str, key: object = ()) -> str:
    """Return what a value of `TABLE.COLUMN` is bound to in the row of that primary key.

    Several columns of a key are a tuple, and none is any row.
    """
    return sealing.place(column, *(key if isinstance(key, tuple) else (key,)))


def _stored(most_bytes: int | None) -> TypeEngine[Any]:
    if most_bytes is None:
        return Text().with_variant(mysql.MEDIUMTEXT(**ASCII), "mysql", "mariadb")
    length = longest(most_bytes)
    return String(length).with_variant(mysql.VARCHAR(length, **ASCII), "mysql", "mariadb")


def encrypted(column: AnyColumn) -> Encrypted:
    """Return the type of an encrypted column; raises TypeError for any other."""
    if not isinstance(column.type, Encrypted):
        raise TypeError(f"{column} is no encrypted column")
    return column.type


@event.listens_for(Column, "after_parent_attach")
def _named(column: Column[Any], table: object) -> None:
    """Tell the type whose it is; each column has its own, also where a mixin is the column's."""
    if isinstance(column.type, Encrypted) and isinstance(table, Table):
        own = column.type
        column.type = Encrypted(
            own.most_bytes,
            deterministic=own.deterministic,
            column=f"{table.name}.{column.name}",
        )


@event.listens_for(Mapper, "before_insert")
@event.listens_for(Mapper, "before_update")
def _require_own_row(mapper: Mapper[Any], _: Connection, target: object) -> None:
    """Refuse what could never be opened again, while it can still be told.

    What was read is good where it was: in an object that was loaded, unless its key has changed.
    """
    state = inspected(target)
    key = tuple(mapper.primary_key_from_instance(target))
    stays = state.identity is not None and [*map(str, state.identity)] == [*map(str, key)]
    for name, kind in _encrypted_of(mapper):
        if stays and not state.attrs[name].history.added:
            continue
        # What was not loaded moves as well, and may be anything.
        value = state.dict.get(name, UNKNOWN if state.identity else None)
        if isinstance(value, Sealed) and value.bound_to != place(kind.column, key):
            raise WrongPlace(f"{kind.column} was sealed for another row: seal it for this one")


@functools.cache
def _encrypted_of(mapper: Mapper[Any]) -> list[tuple[str, Encrypted]]:
    return [
        (attribute.key, kind)
        for attribute in mapper.column_attrs
        if isinstance(kind := attribute.columns[0].type, Encrypted) and not kind.deterministic
    ]
