"""Rows of an XLSX workbook: openpyxl reads its cells, one row in memory at a time.

Its own read-only mode keeps every text that cells share, and an element of each row; here the texts
are in a temporary database of SQLite's, and rows are built one by one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from openpyxl.cell.text import Text
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.worksheet._reader import DATA_TAG, ROW_TAG, WorkSheetParser
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS
from pydantic_core import to_jsonable_python

from app.features.transfers.incoming import archives
from app.features.transfers.incoming.archives import Archive
from app.features.transfers.incoming.tables import (
    MOST_COLUMNS,
    MOST_IN_A_SHEET,
    Row,
    Table,
    Unreadable,
    cell_error,
    is_blank,
    names,
)
from app.features.transfers.values import Cell, unescaped

# Their types say little, and some of it is wrong.
_PARSER: Any = WorkSheetParser
_TEXT: Any = Text
_IN_SHEETS = "{" + SHEET_MAIN_NS + "}"
TEXT_TAG, STRING_TAG, STRINGS_TAG = _IN_SHEETS + "t", _IN_SHEETS + "si", _IN_SHEETS + "sst"


def open_workbook(path: Path, most_unpacked: int) -> Table:
    """Begin to read a workbook; raises Unreadable."""
    rows = _rows(path, most_unpacked)
    header = next(rows, None)
    if header is None:
        raise Unreadable("the workbook has no header")
    if header.error is not None:
        raise Unreadable(f"the header: {header.error}")
    return Table("xlsx", names(header.cells), rows)


def _rows(path: Path, most_unpacked: int) -> Generator[Row, None, None]:
    try:
        with archives.opened(path, most_unpacked) as archive:
            yield from _of_sheets(archive)
    except (Unreadable, sqlite3.Error, MemoryError):
        raise
    except Exception as error:
        # Whatever it stumbles over, it is the file: openpyxl believes what workbooks say.
        raise Unreadable(f"the workbook is damaged, or none: {type(error).__name__}") from error


def _of_sheets(archive: Archive) -> Iterator[Row]:
    """Yield the rows of the first sheet, and of those that go on with the same header."""
    reader: Any = ExcelReader(archive.file, read_only=True, data_only=True, keep_links=False)
    reader.archive = archive
    reader.read_manifest()
    reader.read_workbook()
    apply_stylesheet(archive, reader.wb)
    header: list[Cell] | None = None
    last = 0
    with closing(_Texts()) as texts:
        if (part := reader.package.find(SHARED_STRINGS)) is not None:
            texts.take(archive, part.PartName[1:])
        for _, relation in reader.parser.find_sheets():
            if "chartsheet" in relation.Type:
                continue
            rows = _of_sheet(archive, relation.target, reader.wb, texts, before=last)
            first = next(rows, None)
            if first is None or (header is not None and first.cells != header):
                continue
            if header is None:
                header = list(first.cells)
                yield first
            for row in rows:
                last = row.number
                # Empty cells at the end of a row are not written.
                missing = [None] * (len(header) - len(row.cells))
                yield replace(row, cells=[*row.cells, *missing])


def _of_sheet(
    archive: Archive,
    name: str,
    workbook: Any,  # noqa: ANN401 - of a library whose types say little
    texts: _Texts,
    before: int,
) -> Iterator[Row]:
    parser = _PARSER(
        None,
        texts,
        data_only=True,
        epoch=workbook.epoch,
        date_formats=workbook._date_formats,  # noqa: SLF001 - so its own reader is given them
        timedelta_formats=workbook._timedelta_formats,  # noqa: SLF001
    )
    last = 0
    for element in archive.elements(name, ROW_TAG, until=DATA_TAG):
        number, parsed = parser.parse_row(element)
        parser.row_dimensions.clear()
        if not last < number <= MOST_IN_A_SHEET:
            raise Unreadable(f"row {number} comes after row {last}")
        last = number
        row = _row(before + number, parsed)
        if not is_blank(row.cells):
            yield row


def _row(number: int, parsed: list[dict[str, Any]]) -> Row:
    cells: list[Cell] = []
    error = None
    for each in parsed:
        if each["value"] is None:
            continue
        place = each["column"]
        if not len(cells) < place <= MOST_COLUMNS:
            raise Unreadable(f"row {number}: a cell is in column {place}, after {len(cells)}")
        cells += [None] * (place - 1 - len(cells))
        cells.append(_cell(each))
        if each["data_type"] == "e":
            error = f"cell {place} is the error {each['value']}"
    return Row(number, cells, error or cell_error(cells))


def _cell(parsed: dict[str, Any]) -> Cell:
    value = parsed["value"]
    if isinstance(value, str):
        return unescaped(value) if parsed["data_type"] == "s" else value
    # A day, a time or a span of it becomes text.
    cell: Cell = value if isinstance(value, int | float) else to_jsonable_python(value)
    return cell


def _text(element: Element) -> str:
    """Return the text of a cell or of several; one without pieces says it itself."""
    if len(element) == 1 and element[0].tag == TEXT_TAG:
        return element[0].text or ""
    return str(_TEXT.from_tree(element).content)


class _Texts:
    """The texts that cells share, by their numbers."""

    def __init__(self) -> None:
        # Without a name it is a file that is gone when it is closed. Threads take turns.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")

    def take(self, archive: Archive, name: str) -> None:
        found = (
            (number, _text(element))
            for number, element in enumerate(archive.elements(name, STRING_TAG, until=STRINGS_TAG))
        )
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO texts VALUES (?, ?)", found)
        self._database.execute("COMMIT")

    def __getitem__(self, number: int) -> str:
        row = self._database.execute("SELECT text FROM texts WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise Unreadable(f"a cell has text {number}, and there is none")
        return str(row[0])

    def close(self) -> None:
        self._database.close()
