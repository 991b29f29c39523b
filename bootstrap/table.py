"""A table as a terminal shows it: columns aligned, whatever letters are in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from unicodedata import combining, east_asian_width

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Tone = Literal["good", "bad", "plain"]

_NARROWEST = 16
_GAP = "  "


@dataclass(frozen=True)
class Column:
    """A column's heading, and whether it is one of numbers."""

    head: str
    numbers: bool = False


@dataclass(frozen=True)
class Row:
    """One line of a table, and what stands below it."""

    tone: Tone
    cells: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A command's result on many things: for programs a document, for people rows and a word."""

    document: Mapping[str, object]
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    ending: Sequence[str]


def lines(table: Table, room: int | None) -> tuple[str, ...]:
    """The headings and each row; where there is not the room, the first column gives way."""
    heads = tuple(column.head for column in table.columns)
    texts = [heads, *(row.cells for row in table.rows)]
    widths = [max(map(_width, column)) for column in zip(*texts, strict=True)]
    if room is not None:
        others = sum(widths[1:]) + len(_GAP) * len(widths[1:])
        widths[0] = min(widths[0], max(room - others, _NARROWEST))
    return tuple(_line(cells, widths, table.columns) for cells in texts)


def _line(cells: Sequence[str], widths: Sequence[int], columns: Sequence[Column]) -> str:
    padded = []
    for text, width, column in zip(cells, widths, columns, strict=True):
        fitting = _elided(text, width)
        space = " " * (width - _width(fitting))
        padded.append(f"{space}{fitting}" if column.numbers else f"{fitting}{space}")
    return _GAP.join(padded).rstrip()


def _elided(text: str, width: int) -> str:
    """The end of a text that is too long: of a path, what tells it from the others."""
    if _width(text) <= width:
        return text
    kept = text
    while _width(kept) >= width:
        kept = kept[1:]
    return f"…{kept}"


def _width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    wide = sum(east_asian_width(sign) in {"W", "F"} for sign in text)
    return len(text) + wide - sum(map(bool, map(combining, text)))
