"""What a file is read as, whatever its format: a header, and rows of cells."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal

from app.features.transfers.values import Cell

Format = Literal["csv", "xlsx"]

# What csv takes; Excel itself has a quarter of that.
LONGEST_CELL = 131_072
MOST_IN_A_SHEET = 1_048_576
MOST_COLUMNS = 1000
# Of a row as it is written, whether characters or bytes of XML.
LARGEST_ROW = 2 * 1024 * 1024


class Unreadable(Exception):
    """Nothing of the file can be taken; says why, for whoever has sent it."""


@dataclass(frozen=True)
class Row:
    """A row, counted as spreadsheets do: the header is the first. `error`: it is broken itself."""

    number: int
    cells: Sequence[Cell]
    error: str | None = None


@dataclass(frozen=True)
class Table:
    """A file that is being read; `encoding` and `delimiter` are those of text."""

    format: Format
    header: Sequence[str]
    rows: Generator[Row, None, None]
    encoding: str | None = None
    delimiter: str | None = None

    def close(self) -> None:
        self.rows.close()


def cell_error(cells: Sequence[Cell]) -> str | None:
    """Say what is too much for any column."""
    for place, cell in enumerate(cells, 1):
        if isinstance(cell, str) and len(cell) > LONGEST_CELL:
            return f"cell {place} has more than {LONGEST_CELL} characters"
    return None


def is_blank(cells: Sequence[Cell]) -> bool:
    return all(cell is None or (isinstance(cell, str) and not cell.strip()) for cell in cells)


def names(cells: Sequence[Cell]) -> list[str]:
    """Return a header as the names of columns; empty cells at its end are none."""
    found = ["" if cell is None else str(cell).strip() for cell in cells]
    while found and not found[-1]:
        found.pop()
    return found
