"""The columns of one file, and its rows as what the resource's own schema makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from app.features.transfers import values
from app.features.transfers.declared import Transfer
from app.features.transfers.incoming.staging import Checked, Key
from app.features.transfers.incoming.tables import Row, Unreadable, is_blank

# What a report has beside the columns of its file; no field of a schema is called so.
ROW, ERROR = "_row", "_error"
LONGEST_ERROR = 2000
# What reading a text as a value raises, however odd the text.
UNREADABLE = (ValueError, TypeError, ArithmeticError, RecursionError)


class Columns:
    """Which cell of a row is which field of the schema."""

    def __init__(self, transfer: Transfer, header: Sequence[str]) -> None:
        """Take the fields of the header; raises Unreadable where it is not one of this resource."""
        self.transfer = transfer
        self._width = len(header)
        fields = transfer.row.model_fields
        _require_known(transfer, header)
        required = {name for name, each in fields.items() if each.is_required()}
        if missing := sorted(required - set(header)):
            raise Unreadable(f"columns are missing: {', '.join(missing)}")
        self._readers = [
            (name, place, _reader(transfer, name))
            for place, name in enumerate(header)
            if name in fields
        ]
        self._rows: TypeAdapter[list[BaseModel]] = TypeAdapter(list[transfer.row])  # type: ignore[name-defined]

    def checked(self, rows: Sequence[Row]) -> list[Checked]:
        """Return rows with what is wrong with them, or else their keys."""
        found, errors = self._read(rows)
        return [
            (
                Checked(row, self.key(found[row.number]))
                if row.number in found
                else Checked(replace(row, error=errors[row.number][:LONGEST_ERROR]))
            )
            for row in rows
        ]

    def models(self, rows: Sequence[Row]) -> list[BaseModel]:
        """Return rows that were found to be good."""
        found, errors = self._read(rows)
        if errors:
            raise ValueError(f"rows have become bad: {errors}")
        return [found[row.number] for row in rows]

    def key(self, model: BaseModel) -> Key:
        return tuple(getattr(model, name) for name in self.transfer.key)

    def _read(self, rows: Sequence[Row]) -> tuple[dict[int, BaseModel], dict[int, str]]:
        errors: dict[int, str] = {}
        given: dict[int, dict[str, Any]] = {}
        for row in rows:
            try:
                given[row.number] = self._values(row)
            except ValueError as error:
                errors[row.number] = str(error)
        try:
            return self._validated(given), errors
        except ValidationError as error:
            wrong = _by_row(error, list(given))
        good = {number: each for number, each in given.items() if number not in wrong}
        return self._validated(good), errors | wrong

    def _validated(self, given: dict[int, dict[str, Any]]) -> dict[int, BaseModel]:
        models = self._rows.validate_python(list(given.values()), by_name=True)
        return dict(zip(given, models, strict=True))

    def _values(self, row: Row) -> dict[str, Any]:
        """Return the fields of a row as their columns have them; raises ValueError."""
        if row.error is not None:
            raise ValueError(row.error)
        cells = row.cells
        if len(cells) < self._width or not is_blank(cells[self._width :]):
            raise ValueError(f"has {len(cells)} cells, and the header has {self._width}")
        errors: list[str] = []
        found: dict[str, Any] = {}
        for name, place, read in self._readers:
            try:
                found[name] = read(cells[place])
            except UNREADABLE as error:
                errors.append(f"{name}: {error}")
        if errors:
            raise ValueError("; ".join(errors))
        return found


def _reader(transfer: Transfer, name: str) -> Callable[[object], Any]:
    """Return what reads a field; of one that is in no column, its schema alone knows."""
    column = transfer.columns.get(name)
    return _as_it_is if column is None else values.reader(column)


def _as_it_is(cell: object) -> object:
    return cell


def _require_known(transfer: Transfer, header: Sequence[str]) -> None:
    known = {*transfer.columns, *transfer.row.model_fields, ROW, ERROR}
    if "" in header:
        raise Unreadable(f"column {header.index('') + 1} has no name")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise Unreadable(f"columns are there twice: {_shown(twice)}")
    if unknown := [name for name in header if name not in known]:
        told = ", ".join(transfer.row.model_fields)
        raise Unreadable(f"no columns of {transfer.name}: {_shown(unknown)}; it has {told}")


def _shown(names: Sequence[str]) -> str:
    return ", ".join(repr(name[:50]) for name in names[:10])


def _by_row(error: ValidationError, numbers: Sequence[int]) -> dict[int, str]:
    found: dict[int, list[str]] = {}
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        place, *field = each["loc"]
        found.setdefault(numbers[int(place)], []).append(_told(field, each["msg"]))
    return {number: "; ".join(texts) for number, texts in found.items()}


def _told(field: Sequence[int | str], message: str) -> str:
    where = ".".join(map(str, field))
    return f"{where}: {message}" if where else message
