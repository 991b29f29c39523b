"""What a report consists of: on a terminal `terminal` lays it out; `plain` is what is piped.

Lines that are piped are never wrapped or cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from unicodedata import combining, east_asian_width

from bootstrap.language import shown
from bootstrap.show.text import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True)
class Pair:
    """A name, and what there is to say about it."""

    name: str
    text: str

    @property
    def plain(self) -> Iterator[str]:
        yield f"  {escape(self.name)}: {escape(self.text)}"


@dataclass(frozen=True)
class FileRow:
    """One file: its path, details, what to do about it, and its cells in the table of a page.

    What to do are steps: words, and the command after them.
    """

    path: str
    details: tuple[str, ...] = ()
    steps: tuple[tuple[str, str], ...] = ()
    cells: tuple[str, ...] = ()

    @property
    def advice(self) -> str:
        return "".join(shown(words) + command for words, command in self.steps)


@dataclass(frozen=True)
class FileGroup:
    """Files of one kind, and what that means."""

    kind: str
    sign: str
    title: str
    meaning: str
    rows: tuple[FileRow, ...]


@dataclass(frozen=True)
class Files:
    """Files in groups, the most important first; `lines` are the same files for a pipe, by path."""

    groups: tuple[FileGroup, ...]
    lines: tuple[str, ...]

    @property
    def plain(self) -> Iterator[str]:
        yield from map(escape, self.lines)


@dataclass(frozen=True)
class Totals:
    """How many files there are of each kind."""

    counts: Mapping[str, int]

    @property
    def plain(self) -> Iterator[str]:
        yield ", ".join(f"{count} {shown(kind)}" for kind, count in self.counts.items())


@dataclass(frozen=True)
class PipeOnly:
    """Lines for a pipe: a terminal has shown all this in its files."""

    lines: tuple[str, ...]

    @property
    def plain(self) -> Iterator[str]:
        yield from map(escape, self.lines)


@dataclass(frozen=True)
class Diff:
    """A diff as git prints it: piped it is exactly that, and can be applied."""

    text: str

    @property
    def plain(self) -> Iterator[str]:
        yield self.text


@dataclass(frozen=True)
class Column:
    """A column of a table; where room is short, a `shrinks` one loses the start of its texts."""

    head: str
    numeric: bool = False
    shrinks: bool = False


@dataclass(frozen=True)
class TableRow:
    """One line of a table, its sign, and the notes below it."""

    sign: str
    cells: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportTable:
    """One row for each of many things."""

    columns: tuple[Column, ...]
    rows: Sequence[TableRow]

    @property
    def plain(self) -> Iterator[str]:
        heads = tuple(column.head for column in self.columns)
        texts = zip(heads, *(row.cells for row in self.rows), strict=True)
        widths = [max(map(width_of, column)) for column in texts]
        yield f"  {self._line(heads, widths)}"
        for row in self.rows:
            yield f"{row.sign} {self._line(row.cells, widths)}"
            yield from (f"      {shown(note)}" for note in row.notes)

    def _line(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        laid_out = []
        for text, width, column in zip(cells, widths, self.columns, strict=True):
            laid_out.append(padded(text, width, right=column.numeric))
        return "  ".join(laid_out).rstrip()


def width_of(text: str) -> int:
    """How many columns of a terminal a text takes where it is shown."""
    text = shown(text)
    wide = sum(east_asian_width(sign) in {"W", "F"} for sign in text)
    return len(text) + wide - sum(map(bool, map(combining, text)))


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Return a text as it is shown, with spaces up to that many columns, or before it."""
    space = " " * (width - width_of(text))
    return f"{space}{shown(text)}" if right else f"{shown(text)}{space}"


Item = str | Pair | Files | Totals | PipeOnly | Diff | ReportTable
