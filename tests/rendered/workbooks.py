"""Workbooks as bytes, part by part: as they should be, or as somebody would like them to be."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
SHEET, STRINGS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
    f'<Override PartName="/xl/workbook.xml" ContentType="{TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/{STRINGS}" ContentType="{TYPE}.sharedStrings+xml"/></Types>',
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
    '<sheet name="one" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    "</Relationships>",
}


def small(sheet: str, strings: str = "") -> dict[str, bytes]:
    """Return the parts of a workbook, by what is in its sheet's data and its texts."""
    texts = {
        SHEET: f'<worksheet xmlns="{MAIN}"><sheetData>{sheet}</sheetData></worksheet>',
        STRINGS: f'<sst xmlns="{MAIN}">{strings}</sst>',
    }
    return {name: text.encode() for name, text in (PARTS | texts).items()}


def packed(parts: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return target.getvalue()


def write_large(path: Path, header: Sequence[str], rows: int) -> None:
    """Write a workbook of so many rows, whose every employee number is a text that is shared."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in PARTS.items():
            archive.writestr(name, text)
        texts = (*header, "Engines", *(f"E-{number:07}" for number in range(rows)))
        with archive.open(STRINGS, "w") as part:
            found = (f"<si><t>{text}</t></si>" for text in texts)
            _write(part, f'<sst xmlns="{MAIN}">', found, "</sst>")
        with archive.open(SHEET, "w") as part:
            begin = f'<worksheet xmlns="{MAIN}"><sheetData>'
            _write(part, begin, _rows(len(header), rows), "</sheetData></worksheet>")


def _rows(width: int, rows: int) -> Iterator[str]:
    names = "".join(f'<c t="s"><v>{at}</v></c>' for at in range(width))
    yield f'<row r="1">{names}</row>'
    for number in range(rows):
        at = number + 2
        # With a height, as many spreadsheets have it: openpyxl keeps these of each row.
        yield (
            f'<row r="{at}" ht="15" customHeight="1">'
            f'<c r="A{at}" t="s"><v>{number + width + 1}</v></c>'
            f'<c r="B{at}" t="inlineStr"><is><t>Ada {number}</t></is></c>'
            f'<c r="C{at}" t="str"><v>ada@example.com</v></c>'
            f'<c r="D{at}" t="s"><v>{width}</v></c></row>'
        )


def _write(part: IO[bytes], begin: str, pieces: Iterable[str], end: str) -> None:
    part.write(begin.encode())
    for chunk in _chunks(pieces):
        part.write("".join(chunk).encode())
    part.write(end.encode())


def _chunks(pieces: Iterable[str], size: int = 5000) -> Iterator[Sequence[str]]:
    iterator = iter(pieces)
    while chunk := list(islice(iterator, size)):
        yield chunk
