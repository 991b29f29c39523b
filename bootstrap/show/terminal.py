"""A report on a terminal: files in groups that fit its width, the most important last."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console, Group
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bootstrap import language
from bootstrap.show import items
from bootstrap.show.items import TableRow
from bootstrap.show.text import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import ConsoleOptions, JustifyMethod, RenderableType

_WIDEST = 120  # what a person reads in one go
_NARROWEST = 12
_GAP = "  "
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan", "d": "bold"}
_SIGN_STYLES = {"✓": "green", "✗": "red"}
_OUTCOME_STYLES = {
    "new": "green",
    "updated": "cyan",
    "kept": "yellow",
    "deleted": "yellow",
    "moved": "blue",
    "merged": "magenta",
    "conflict": "bold red",
}
_STYLES = {**_OUTCOME_STYLES, "edited": "magenta", "accepted": "green"}


def show(shown: Iterable[items.Item], *, colour: bool) -> None:
    """Print a report to standard output; its files no wider than people read."""
    console = Console(color_system="auto" if colour else None, highlight=False, markup=False)
    whole = console.width
    for pairs, run in groupby(shown, key=lambda item: isinstance(item, items.Pair)):
        console.width = min(whole, _WIDEST)
        if pairs:
            console.print(Padding(_pairs(run), (0, 0, 0, 2)))
            continue
        for item in run:
            console.width = whole if isinstance(item, items.ReportTable) else min(whole, _WIDEST)
            _show(item, console)


def _show(item: items.Item, console: Console) -> None:
    if isinstance(item, str):
        # Lines contain commands: one that is copied must have no end of line in it.
        console.print(Text.from_ansi(language.shown(item)), soft_wrap=True)
    elif isinstance(item, items.Files):
        groups = (part for each in reversed(item.groups) for part in _group(each, console.width))
        console.print(Group(*groups))
    elif isinstance(item, items.Totals):
        console.print(_totals(item))
    elif isinstance(item, items.Diff):
        for line in item.text.split("\n"):
            style = _DIFF_STYLES.get(line[:1], "") if line[:3] not in {"+++", "---"} else "bold"
            console.print(Text(escape(line, keep="\t"), style), soft_wrap=True)
    elif isinstance(item, items.ReportTable):
        _show_table(item, console)


# -- pairs, files and their totals -----------------------------------------------------------------


def _pairs(shown: Iterable[items.Item]) -> Table:
    table = _grid("bold")
    for item in shown:
        if isinstance(item, items.Pair):
            table.add_row(escape(item.name), Text(escape(item.text)))
    return table


def _group(group: items.FileGroup, width: int) -> Iterator[RenderableType]:
    style = f"bold {_STYLES.get(group.kind, '')}"
    title = Text(f"{group.sign} {len(group.rows)} {language.shown(group.title)}", style)
    yield Text.assemble(title, (f"  {language.shown(group.meaning)}", "dim"))
    quiet = [row for row in group.rows if not row.details and not row.advice]
    if quiet:
        yield Padding(_folders(quiet), (0, 0, 0, 4))
    detailed = [row for row in group.rows if row.details and not row.advice]
    if detailed and max(len(row.path) for row in detailed) * 2 < width:
        yield Padding(_beside(detailed), (0, 0, 0, 4))
    else:
        yield from (part for row in detailed for part in _below(row))
    yield from (part for row in group.rows if row.advice for part in _below(row))
    yield Text()


def _folders(rows: list[items.FileRow]) -> Table:
    """Each folder once, and the names in it beside: a hundred files fit on a screen."""
    table = _grid("dim")
    split = sorted(row.path.rpartition("/") for row in rows)
    for folder, run in groupby(split, key=lambda parts: parts[0]):
        names = (escape(name).replace(" ", "\N{NO-BREAK SPACE}") for _, _, name in run)
        table.add_row(escape(f"{folder or '.'}/"), Text("  ".join(names)))
    return table


def _beside(rows: list[items.FileRow]) -> Table:
    table = _grid()
    for row in rows:
        table.add_row(escape(row.path), Text("\n".join(map(escape, row.details)), "dim"))
    return table


def _below(row: items.FileRow) -> Iterator[RenderableType]:
    yield Padding(Text(escape(row.path), "bold" if row.advice else ""), (0, 0, 0, 4))
    for detail in row.details:
        yield Padding(Text(escape(detail), "" if row.advice else "dim"), (0, 0, 0, 6))
    if row.advice:
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_row("→", Text(escape(row.advice)))
        yield Padding(table, (0, 0, 0, 6))


def _grid(style: str = "") -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style=style, overflow="fold")
    table.add_column(overflow="fold")
    return table


def _totals(totals: items.Totals) -> Text:
    line = Text()
    for kind, style in _OUTCOME_STYLES.items():
        if count := totals.counts.get(kind):
            plural = "s" if kind == "conflict" and count > 1 else ""
            line.append(" · " if line else "", "dim")
            line.append(f"{count} {kind}{plural}", style)
    return line


# -- tables ----------------------------------------------------------------------------------------


def _show_table(table: items.ReportTable, console: Console) -> None:
    """Each row is one line, with its sign before it and its notes below."""
    grid = _laid_out(table)
    least = sum((column.min_width or 0) + len(_GAP) for column in grid.columns)
    options = console.options.update(width=max(least, console.width - len(_GAP)))
    rows = (TableRow("", (), ()), *table.rows)
    for row, line in zip(rows, console.render_lines(grid, options, pad=False), strict=True):
        sign = (f"{row.sign:{len(_GAP)}}", _SIGN_STYLES.get(row.sign, ""))
        cells = Text.assemble(*((segment.text, segment.style or "") for segment in line))
        console.print(Text.assemble(sign, cells), soft_wrap=True)
        for note in row.notes:
            console.print(Text(f"      {language.shown(note)}", "dim"), soft_wrap=True)


def _laid_out(table: items.ReportTable) -> Table:
    grid = Table(box=None, padding=(0, len(_GAP), 0, 0), header_style="dim", pad_edge=False)
    for number, column in enumerate(table.columns):
        texts = [*map(language.shown, (column.head, *(row.cells[number] for row in table.rows)))]
        widest = max(map(cell_len, texts))
        least = min(widest, _NARROWEST) if column.shrinks else widest
        justify: JustifyMethod = "right" if column.numeric else "left"
        grid.add_column(texts[0], justify=justify, no_wrap=not column.shrinks, min_width=least)
    for row in table.rows:
        cells = zip(map(language.shown, row.cells), table.columns, strict=True)
        grid.add_row(*(_Path(text) if column.shrinks else Text(text) for text, column in cells))
    return grid


@dataclass(frozen=True)
class _Path:
    """A text that makes room for others: of a path the end is kept, which tells it apart."""

    text: str

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        width = cell_len(self.text)
        return Measurement(min(width, _NARROWEST), width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        text = self.text
        while cell_len(text) > options.max_width:
            text = f"…{text[2:]}"
        yield Text(text, no_wrap=True)
