"""A report on a terminal: files in groups that fit its width; what is to be settled comes last."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bootstrap.reports.kinds import KINDS
from bootstrap.reports.report import Diff, Files, Pair, Totals
from bootstrap.reports.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import RenderableType

    from bootstrap.reports.report import Group as Kind
    from bootstrap.reports.report import Item, Row

_WIDEST = 120  # what a person reads in one go
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan", "d": "bold"}
_STYLES = {
    "conflict": "bold red",
    "merged": "magenta",
    "edited": "magenta",
    "moved": "blue",
    "deleted": "yellow",
    "kept": "yellow",
    "updated": "cyan",
    "new": "green",
    "accepted": "green",
}


def show(items: Iterable[Item], *, colour: bool) -> None:
    """Print a report to standard output, no wider than people read."""
    console = Console(color_system="auto" if colour else None, highlight=False, markup=False)
    console.width = min(console.width, _WIDEST)
    for pairs, run in groupby(items, key=lambda item: isinstance(item, Pair)):
        if pairs:
            console.print(Padding(_pairs(run), (0, 0, 0, 2)))
            continue
        for item in run:
            _show(item, console)


def _show(item: Item, console: Console) -> None:
    if isinstance(item, str):
        # Lines have commands in them: whoever copies one wants no end of line inside.
        console.print(Text(item), soft_wrap=True)
    elif isinstance(item, Files):
        console.print(
            Group(*(part for each in item.groups for part in _group(each, console.width)))
        )
    elif isinstance(item, Totals):
        console.print(_totals(item))
    elif isinstance(item, Diff):
        for line in item.text.split("\n"):
            style = _DIFF_STYLES.get(line[:1], "") if line[:3] not in {"+++", "---"} else "bold"
            console.print(Text(visible(line, kept="\t"), style), soft_wrap=True)


def _pairs(items: Iterable[Item]) -> Table:
    table = _grid("bold")
    for item in items:
        if isinstance(item, Pair):
            table.add_row(visible(item.name), Text(visible(item.text)))
    return table


def _group(group: Kind, width: int) -> Iterator[RenderableType]:
    style = f"bold {_STYLES.get(group.kind, '')}"
    title = Text(f"{group.sign} {len(group.rows)} {group.title}", style)
    yield Text.assemble(title, (f"  {group.meaning}", "dim"))
    quiet = [row for row in group.rows if not row.said and not row.advice]
    if quiet:
        yield Padding(_folders(quiet), (0, 0, 0, 4))
    told = [row for row in group.rows if row.said and not row.advice]
    if told and max(len(row.path) for row in told) * 2 < width:
        yield Padding(_beside(told), (0, 0, 0, 4))
    else:
        yield from (part for row in told for part in _below(row))
    yield from (part for row in group.rows if row.advice for part in _below(row))
    yield Text()


def _folders(rows: list[Row]) -> Table:
    """Each folder once, and the names in it beside: a hundred files fit on a screen."""
    table = _grid("dim")
    split = sorted(row.path.rpartition("/") for row in rows)
    for folder, run in groupby(split, key=lambda parts: parts[0]):
        names = (visible(name).replace(" ", "\N{NO-BREAK SPACE}") for _, _, name in run)
        table.add_row(visible(f"{folder or '.'}/"), Text("  ".join(names)))
    return table


def _beside(rows: list[Row]) -> Table:
    table = _grid()
    for row in rows:
        table.add_row(visible(row.path), Text("\n".join(map(visible, row.said)), "dim"))
    return table


def _below(row: Row) -> Iterator[RenderableType]:
    yield Padding(Text(visible(row.path), "bold" if row.advice else ""), (0, 0, 0, 4))
    for said in row.said:
        yield Padding(Text(visible(said), "" if row.advice else "dim"), (0, 0, 0, 6))
    if row.advice:
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_row("→", Text(visible(row.advice)))
        yield Padding(table, (0, 0, 0, 6))


def _grid(style: str = "") -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style=style, overflow="fold")
    table.add_column(overflow="fold")
    return table


def _totals(totals: Totals) -> Text:
    told = Text()
    for kind in reversed(KINDS):
        if count := totals.counts.get(str(kind.outcome)):
            told.append(" · " if told else "", "dim")
            told.append(f"{count} {kind.titled(count)}", _STYLES[str(kind.outcome)])
    return told
