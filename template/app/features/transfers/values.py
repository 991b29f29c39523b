"""Values of columns as the texts and cells of a file, and back: exactly what they were.

Spreadsheets take a text for a formula that begins like one, so it gets an apostrophe, and so does
one that begins with an apostrophe; who reads it back takes it off. An empty cell is NULL; an empty
text is an apostrophe alone where the column may be NULL.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
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

Cell = str | int | float | bool | None
GUARD = "'"
# What a spreadsheet may take for the beginning of a formula, also of full width (OWASP, "CSV
# Injection"), and what our own guard begins with.
# XlsxWriter takes a text that begins with <r> for XML of its own.
_FORMULA = r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]|<r>"
_GUARDED = re.compile(rf"{_FORMULA}|{GUARD}")
_GUARDED_OR_EMPTY = re.compile(rf"{_FORMULA}|{GUARD}|\Z")
# What XML has no character for is written like this in a sheet (ECMA-376, "ST_Xstring"), and what
# looks like it begins with _x005F then.
_ESCAPED = re.compile(r"_x005F(_x[0-9A-Fa-f]{4}_)|_x((?![Dd][89A-Fa-f])[0-9A-Fa-f]{4})_")
# Of that many digits, the number in a spreadsheet is exact, and so is a whole number.
EXACT_DIGITS = 15
LARGEST_EXACT = 10**EXACT_DIGITS
_DURATION = TypeAdapter(timedelta)


@dataclass(frozen=True)
class Kind:
    """How a value that is not NULL is text, and back; `value` raises ValueError, for people.

    A number stays one in a spreadsheet where it is exact there, and is never taken for a formula.
    """

    text: Callable[[Any], str]
    value: Callable[[str], Any]
    is_number: bool = False
    has_empty: bool = False


def texts(column: Column[Any], values: Sequence[Any]) -> Sequence[str | None]:
    """Return values of one column as they are in CSV."""
    known = kind(column.type)
    if known.text is str_of_text:
        found: list[str | None] = list(values)
    else:
        found = [None if value is None else known.text(value) for value in values]
    if known.is_number:
        return found
    risky = (_GUARDED_OR_EMPTY if column.nullable else _GUARDED).match
    return [GUARD + text if text is not None and risky(text) else text for text in found]


def cells(column: Column[Any], values: Sequence[Any]) -> Sequence[Cell]:
    """Return values of one column as they are in a spreadsheet."""
    if not kind(column.type).is_number:
        return texts(column, values)
    found = texts(column, values)
    return [_number(value, text) for value, text in zip(values, found, strict=True)]


def read(column: Column[Any], cell: object) -> Any:  # noqa: ANN401 - whatever the column takes
    """Return the value of a text or a cell; raises ValueError where it is none of the column."""
    return reader(column)(cell)


def reader(column: Column[Any]) -> Callable[[object], Any]:
    """Return what reads the cells of one column, however many there are."""
    known = kind(column.type)
    is_null = bool(column.nullable) or not known.has_empty

    def value(cell: object) -> Any:  # noqa: ANN401 - whatever the column takes
        text = cell if isinstance(cell, str) else _text(cell)
        if not text:
            return None if is_null else known.value("")
        return known.value(text if known.is_number else unguarded(text))

    return value


def is_formula(text: str) -> bool:
    """Say whether a spreadsheet may take a text for a formula."""
    return re.match(_FORMULA, text) is not None


def unguarded(text: str) -> str:
    """Return a text without our guard; an apostrophe that guards nothing belongs to the text."""
    rest = text.removeprefix(GUARD)
    return rest if rest != text and _GUARDED_OR_EMPTY.match(rest) else text


def unescaped(text: str) -> str:
    """Return what a text in the XML of a sheet stands for; openpyxl leaves that to its caller."""
    return _ESCAPED.sub(lambda found: found[1] or chr(int(found[2], 16)), text)


def kind(type_: TypeEngine[Any]) -> Kind:  # noqa: C901, PLR0911, PLR0912 - a table of types
    """Return the kind of a column's type; raises TypeError for one that is not known."""
    match type_:
        case UtcDateTime() | DateTime(timezone=True):
            return Kind(datetime.isoformat, _instant)
        case Interval():
            return Kind(_duration, _DURATION.validate_strings)
        case TypeDecorator():
            return kind(type_.impl_instance)
        case Enum(enum_class=enum) if enum is not None:
            return Kind(lambda value: str(value.name), lambda name: _member(enum, name))
        case String():
            return Kind(str_of_text, str_of_text, has_empty=True)
        case Boolean():
            return Kind(lambda value: str(value).lower(), _boolean, is_number=True)
        case Integer():
            return Kind(str, _integer, is_number=True)
        case Float() | Numeric(asdecimal=False):
            of = _decimal if type_.asdecimal else _float
            return Kind(str if type_.asdecimal else repr, of, is_number=True)
        case Numeric():
            return Kind(lambda value: format(value, "f"), _decimal, is_number=True)
        case Uuid():
            return Kind(str, _uuid if type_.as_uuid else str_of_text)
        case DateTime():
            return Kind(datetime.isoformat, datetime.fromisoformat)
        case Date():
            return Kind(date.isoformat, _date)
        case Time():
            return Kind(time.isoformat, time.fromisoformat)
        case JSON():
            return Kind(_json, json.loads)
        case LargeBinary():
            return Kind(_base64, _bytes, has_empty=True)
    raise TypeError(f"{type_!r} has no text: add it to app/features/transfers/values.py")


def str_of_text(text: str) -> str:
    return text


def _number(value: Any, text: str | None) -> Cell:  # noqa: ANN401 - of any kind of number
    """Return a number where a spreadsheet keeps it exactly, and else its text."""
    if value is None or isinstance(value, bool):
        return value
    exact, number = Decimal(text or "0"), float(value)
    digits = len(exact.normalize().as_tuple().digits)
    is_exact = exact.is_finite() and digits <= EXACT_DIGITS and abs(exact) < LARGEST_EXACT
    return number if is_exact and Decimal(repr(number)) == exact else text


def _text(cell: object) -> str | None:
    """Return what a cell says, also one of a spreadsheet of other people."""
    match cell:
        case None | str():
            return cell
        case bool():
            return str(cell).lower()
        case float():
            return str(int(cell)) if cell.is_integer() else repr(cell)
        case datetime() | date() | time():
            return cell.isoformat()
        case timedelta():
            return _duration(cell)
    return str(cell)


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("an instant needs its offset, as in 2026-01-31T12:00:00+01:00")
    return found


def _date(text: str) -> date:
    found = datetime.fromisoformat(text)
    if found.timetz() != time.min:
        raise ValueError("a day has no time")
    return found.date()


def _duration(value: timedelta) -> str:
    """Return ISO 8601, in days and seconds: how long a year is nobody can say."""
    size = abs(value)
    sign = "-" if value < timedelta(0) else ""
    return f"{sign}P{size.days}DT{size.seconds}.{size.microseconds:06}S"


def _member(enum: Any, name: str) -> object:  # noqa: ANN401 - a class of members
    try:
        member: object = enum[name]
    except KeyError:
        raise ValueError(f"must be one of {', '.join(enum.__members__)}") from None
    return member


def _boolean(text: str) -> bool:
    try:
        return {"true": True, "false": False, "1": True, "0": False}[text.strip().lower()]
    except KeyError:
        raise ValueError("must be true or false") from None


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("must be a whole number") from None


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("must be a number") from None


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("must be a number") from None


def _uuid(text: str) -> UUID:
    return UUID(text)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
