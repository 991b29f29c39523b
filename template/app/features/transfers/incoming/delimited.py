"""Rows of delimited text, as Python's csv reads them, and never more of one than is allowed."""

from __future__ import annotations

import csv
from collections.abc import Collection, Generator, Iterator, Sequence
from pathlib import Path
from typing import Literal, TextIO

from app.features.transfers.incoming import encodings
from app.features.transfers.incoming.encodings import Encoding
from app.features.transfers.incoming.tables import (
    LARGEST_ROW,
    LONGEST_CELL,
    MOST_COLUMNS,
    Row,
    Table,
    Unreadable,
    cell_error,
    is_blank,
    names,
)

Delimiter = Literal[",", ";", "\t", "|"]
DELIMITERS: tuple[Delimiter, ...] = (",", ";", "\t", "|")
LONGEST_HEADER = 64 * 1024
MOST_BLANK = 100_000
BROKEN = "its quotes are broken"
NEVER_CLOSED = "a quote is opened there and never closed"


def open_text(
    path: Path, known: Collection[str], encoding: Encoding | None, delimiter: Delimiter | None
) -> Table:
    """Begin to read a text whose columns are some of those `known`; raises Unreadable."""
    name = encodings.encoding_of(path, encoding)
    found = delimiter or _delimiter(path, name, known)
    rows = _rows(path, name, found)
    header = next(rows, None)
    if header is None:
        raise Unreadable("the file has no header")
    if header.error is not None:
        raise Unreadable(f"the header: {header.error}")
    return Table("csv", names(header.cells), rows, encodings.told(name), found)


def _delimiter(path: Path, encoding: str, known: Collection[str]) -> Delimiter:
    """Return what divides the header into the most columns that are known; a comma in doubt.

    csv.Sniffer looks at letters alone, and takes those of words for delimiters.
    """
    with path.open(encoding=encoding, newline="") as text:
        line = text.readline(LONGEST_HEADER)

    def columns(delimiter: str) -> int:
        try:
            cells = next(csv.reader([line], delimiter=delimiter), [])
        except csv.Error:
            return 0
        return len(set(known) & {each.strip() for each in cells})

    return max(DELIMITERS, key=columns)


class _Lines:
    """The lines of a text, each as soon as it is asked for; `taken` are those of one row."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._size = 0
        self.number = 0
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(LARGEST_ROW + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self._size += len(line)
        if self._size > LARGEST_ROW:
            raise Unreadable(f"line {self.number}: a row has more than {LARGEST_ROW} characters")
        self.taken.append(line)
        return line

    def begin_row(self) -> None:
        self.taken, self._size = [], 0


def _rows(path: Path, encoding: str, delimiter: str) -> Generator[Row, None, None]:
    with path.open(encoding=encoding, newline="") as text:
        lines = _Lines(text)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        number = last = 0
        while (row := _next(reader, lines, number + 1, delimiter)) is not None:
            number += 1
            if len(row.cells) > MOST_COLUMNS:
                raise Unreadable(f"row {number} has more than {MOST_COLUMNS} columns")
            if row.error is not None or not is_blank(row.cells):
                last = number
                yield row
            if number - last > MOST_BLANK:
                raise Unreadable(f"after row {last} there are more than {MOST_BLANK} empty ones")


def _next(reader: Iterator[list[str]], lines: _Lines, number: int, delimiter: str) -> Row | None:
    lines.begin_row()
    try:
        cells = next(reader)
    except StopIteration:
        return None
    except csv.Error as error:
        return _broken(number, lines, delimiter, error)
    return Row(number, cells, cell_error(cells))


def _broken(number: int, lines: _Lines, delimiter: str, error: csv.Error) -> Row:
    """Return a row that breaks the rules of quotes; raises Unreadable where it has no end."""
    first = lines.number - len(lines.taken) + 1
    is_long = "field larger" in str(error)
    if "unexpected end" in str(error) or (is_long and first < lines.number):
        raise Unreadable(f"line {first}: {NEVER_CLOSED}") from error
    where = f"line {first}" if first == lines.number else f"lines {first} to {lines.number}"
    told = f"a cell has more than {LONGEST_CELL} characters" if is_long else f"{BROKEN}, {error}"
    return Row(number, _cells(lines.taken, delimiter), f"{where}: {told}")


def _cells(lines: Sequence[str], delimiter: str) -> list[str]:
    """Return what is in a broken row, as far as that can be said."""
    try:
        return next(csv.reader(lines, delimiter=delimiter), [])
    except csv.Error:
        return []
