"""A table as a terminal shows it: columns aligned, whatever letters are in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from unicodedata import combining, east_asian_width

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Tone = Literal["good", "bad", "plain"]

_NARROWEST = 12
_GAP = "  "


@dataclass(frozen=True)
class Column:
    """A column's heading, whether it is one of numbers, and whether it gives way to others."""

    head: str
    numbers: bool = False
    gives_way: bool = False


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
    """The headings and each row, in so many columns of a terminal if that can be done."""
    heads = tuple(column.head for column in table.columns)
    texts = [heads, *(row.cells for row in table.rows)]
    widths = [max(map(_width, column)) for column in zip(*texts, strict=True)]
    if room is not None:
        widths = _narrowed(widths, table.columns, room)
    return tuple(_line(cells, widths, table.columns) for cells in texts)


def _narrowed(widths: Sequence[int], columns: Sequence[Column], room: int) -> list[int]:
    """The widths with which a line is not broken; the widest of those that give way gives first."""
    narrowed = list(widths)
    giving = [number for number, column in enumerate(columns) if column.gives_way]
    while giving and sum(narrowed) + len(_GAP) * (len(narrowed) - 1) > room:
        widest = max(giving, key=lambda number: narrowed[number])
        if narrowed[widest] <= _NARROWEST:
            break
        narrowed[widest] -= 1
    return narrowed


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
