"""Files of rows: CSV, XLSX and Parquet, written batch by batch. All of it blocks."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column

from app.features.transfers import settings
from app.features.transfers.outgoing.models import Format
from app.features.transfers.values import Cell, cells, texts

Columns = Sequence[Column[Any]]
Rows = Sequence[Sequence[Any]]
Write = Callable[[Rows], None]

# A sheet has 2**20 rows, and the first one says what the columns are called.
MOST_IN_A_SHEET = 1_048_575
LONGEST_CELL = 32_767


class Refused(Exception):
    """This file cannot be made, however often it is tried; says why."""


def written(
    format_: Format, path: Path, columns: Columns, made_at: datetime
) -> AbstractContextManager[Write]:
    """Yield what writes rows into a new file, each with its values in the columns' order.

    What a row has besides is left out. The same rows make the same bytes. Raises Refused for what
    the format has no place for.
    """
    if format_ is Format.CSV:
        return _csv(path, columns)
    if format_ is Format.XLSX:
        return _xlsx(path, columns, made_at)
    from app.core import parquet  # noqa: PLC0415 - it costs more memory than all of CSV

    return parquet.written(path, columns)


@contextmanager
def _csv(path: Path, columns: Columns) -> Iterator[Write]:
    own = settings.own()
    encoding = "utf-8-sig" if own.transfers_csv_bom else "utf-8"
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=own.delimiter, lineterminator="\r\n")
        writer.writerow([each.name for each in columns])

        def write(rows: Rows) -> None:
            by_column = zip(columns, zip(*rows, strict=True), strict=False)
            writer.writerows(zip(*(texts(*each) for each in by_column), strict=True))

        yield write


@contextmanager
def _xlsx(path: Path, columns: Columns, made_at: datetime) -> Iterator[Write]:
    import xlsxwriter  # type: ignore[import-untyped]  # noqa: PLC0415 - only this one pays for it

    never = dict.fromkeys(("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False)
    # Rows go to a file beside it, one after the other, and their texts with them.
    little = {"constant_memory": True, "tmpdir": str(path.parent)}
    book = xlsxwriter.Workbook(str(path), never | little)
    book.use_zip64()
    book.set_properties({"created": made_at.replace(tzinfo=None)})
    sheet = book.add_worksheet()
    for at, column in enumerate(columns):
        sheet.write_string(0, at, column.name)
    written_rows = 0

    def write(rows: Rows) -> None:
        nonlocal written_rows
        by_column = zip(columns, zip(*rows, strict=True), strict=False)
        for row in zip(*(cells(*each) for each in by_column), strict=True):
            written_rows += 1
            for at, cell in enumerate(row):
                if cell is not None and _put(sheet, written_rows, at, cell) != 0:
                    raise Refused(_too_long(written_rows, columns[at].name))

    try:
        yield write
    except BaseException:
        # What `close` does besides is of no use any more, and takes its time.
        sheet.row_data_fh.close()
        raise
    book.close()


def _put(sheet: Any, row: int, at: int, cell: Cell) -> int:  # noqa: ANN401 - of untyped code
    """Write one cell; return 0 unless it has no place."""
    match cell:
        case str():
            put = sheet.write_string
        case bool():
            put = sheet.write_boolean
        case _:
            put = sheet.write_number
    failed: int = put(row, at, cell)
    return failed


def _too_long(row: int, column: str) -> str:
    most = f"a cell of XLSX has at most {LONGEST_CELL} characters"
    return f"{column} of row {row} has more: {most}; ask for CSV or Parquet"
