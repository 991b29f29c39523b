"""The report of bad rows: in the format of the file, to be mended and sent again.

Each row as it was, and before its cells its number and what is wrong with it; whoever imports the
report leaves these two out. Its text is UTF-8, with the mark by which Excel knows it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]

from app.features.transfers import values
from app.features.transfers.incoming.columns import ERROR, ROW
from app.features.transfers.incoming.tables import MOST_IN_A_SHEET, Row, Table
from app.features.transfers.values import Cell


def write_report(table: Table, rows: Iterable[Row], path: Path) -> int:
    """Write the report, and return its size."""
    lines = _lines(table.header, rows)
    if table.format == "csv":
        _write_text(lines, path, table.delimiter or ",")
    else:
        _write_workbook(lines, path)
    return path.stat().st_size


def _lines(header: Sequence[str], rows: Iterable[Row]) -> Iterator[list[Cell]]:
    # A report that is imported has a report that is like it.
    own = {place for place, name in enumerate(header) if name in (ROW, ERROR)}
    yield [ROW, ERROR, *(name for place, name in enumerate(header) if place not in own)]
    for row in rows:
        cells = (cell for place, cell in enumerate(row.cells) if place not in own)
        yield [row.number, row.error, *map(_harmless, cells)]


def _harmless(cell: Cell) -> Cell:
    """Return what no spreadsheet takes for a formula, and what reads as the same value."""
    if not isinstance(cell, str) or not values.is_formula(cell):
        return cell
    try:
        float(cell)
    except ValueError:
        return values.GUARD + cell
    return cell


def _write_text(lines: Iterable[Sequence[Cell]], path: Path, delimiter: str) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(lines)


def _write_workbook(lines: Iterator[Sequence[Cell]], path: Path) -> None:
    options = {"constant_memory": True, "tmpdir": str(path.parent), "nan_inf_to_errors": True}
    with xlsxwriter.Workbook(str(path), options) as book:
        header = next(lines)
        sheet: Any = None
        for number, line in enumerate(lines):
            at = number % (MOST_IN_A_SHEET - 1)
            if at == 0:
                sheet = book.add_worksheet()
                _put(sheet, 0, header)
            _put(sheet, at + 1, line)


def _put(sheet: Any, at: int, line: Sequence[Cell]) -> None:  # noqa: ANN401 - of untyped code
    for column, cell in enumerate(line):
        match cell:
            case None:
                continue
            case str():
                sheet.write_string(at, column, cell)
            case bool():
                sheet.write_boolean(at, column, cell)
            case _:
                sheet.write_number(at, column, cell)
