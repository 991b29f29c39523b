"""What a file is read as, whatever its format: a header, and rows of texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Format = Literal["csv", "xlsx"]

# What Excel takes.
LONGEST_CELL = 32_767
MOST_COLUMNS = 1000
# Of a row as it is written, whether characters or bytes of XML.
LARGEST_ROW = 2 * 1024 * 1024
NUL = "\x00"


class Unreadable(Exception):
    """Nothing of the file can be taken; says why, for whoever has sent it."""


@dataclass(frozen=True)
class Row:
    """A row, counted as spreadsheets do: the header is the first. `error`: it is broken itself."""

    number: int
    cells: Sequence[str]
    error: str | None = None


@dataclass(frozen=True)
class Table:
    """A file that is being read; `encoding` and `delimiter` are those of text."""

    format: Format
    header: Sequence[str]
    rows: Iterator[Row]
    encoding: str | None = None
    delimiter: str | None = None


def cell_error(cells: Sequence[str]) -> str | None:
    """Say what no column could take, whatever its type."""
    for place, cell in enumerate(cells, 1):
        if len(cell) > LONGEST_CELL:
            return f"cell {place} has more than {LONGEST_CELL} characters"
        if NUL in cell:
            return f"cell {place} has a NUL character"
    return None


def is_blank(cells: Sequence[str]) -> bool:
    return not any(map(str.strip, cells))
