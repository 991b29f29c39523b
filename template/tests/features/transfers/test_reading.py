"""Files of strangers: whatever they are is found, and whatever they claim costs little."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter  # type: ignore[import-untyped]

from app.features.transfers import settings as own
from app.features.transfers.incoming import archives, encodings, tables
from app.features.transfers.incoming.reading import Stated, open_table
from app.features.transfers.incoming.tables import Row, Table, Unreadable
from app.features.transfers.outgoing.models import Format
from app.settings import Settings
from tests.features.transfers.test_values import COLUMNS, back, make, rows, same

__all__ = ["rows"]

KNOWN = ("number", "name", "note")
LINE = ["1", "王小明", "x"]
MOST_UNPACKED = 64 * 1024 * 1024
SHEET = "xl/worksheets/sheet1.xml"


class Files:
    """A folder of files to read."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "file"

    def read(self, content: bytes, **stated: Any) -> tuple[Table, list[Row]]:
        self.path.write_bytes(content)
        table = open_table(self.path, KNOWN, Stated(**stated), MOST_UNPACKED)
        return table, list(table.rows)

    def cells(self, content: bytes, **stated: Any) -> list[list[Any]]:
        return [list(row.cells) for row in self.read(content, **stated)[1]]

    def refusal(self, content: bytes, **stated: Any) -> str:
        with pytest.raises(Unreadable) as caught:
            self.read(content, **stated)
        return str(caught.value)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def csv_of(*lines: Sequence[str], delimiter: str = ",") -> str:
    return "".join(f"{delimiter.join(line)}\r\n" for line in (KNOWN, *lines))


def workbook(*lines: Sequence[object]) -> bytes:
    book = openpyxl.Workbook()
    for line in (KNOWN, *lines):
        book.worksheets[0].append(list(line))
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def changed(content: bytes, change: Callable[[str, bytes], bytes], **options: Any) -> bytes:
    """Return a workbook whose parts say something else."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w") as new:
        for each in old.namelist():
            new.writestr(each, change(each, old.read(each)), **options)
    return target.getvalue()


def sheet(content: bytes, text: str) -> bytes:
    """Return a workbook with another sheet."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    other = f'<worksheet xmlns="{main}"><sheetData>{text}</sheetData></worksheet>'.encode()
    deflated = zipfile.ZIP_DEFLATED
    return changed(
        content, lambda name, old: other if name == SHEET else old, compress_type=deflated
    )


def sharing(folder: Path) -> bytes:
    """Return a workbook whose cells share their texts."""
    path = folder / "shared.xlsx"
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, KNOWN)
        for number in range(1, 3000):
            page.write_row(number, 0, [number, f"name {number % 1000}", "same\x0b\ttext_x000D_"])
        page.write_rich_string(3000, 1, "Ada ", book.add_format({"bold": True}), "Lovelace")
    return path.read_bytes()


@pytest.mark.parametrize(
    ("codec", "told"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("big5", "big5"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_found(
    files: Files, codec: str, told: str, delimiter: str
) -> None:
    table, rows = files.read(csv_of(LINE, delimiter=delimiter).encode(codec))
    assert (table.encoding, table.delimiter) == (told, delimiter)
    assert [list(row.cells) for row in rows] == [LINE]
    assert list(table.header) == list(KNOWN)


@pytest.mark.parametrize(
    ("codec", "names"),
    [
        ("cp949", ["김철수", "이영희", "박지성", "똠방각하 뷁"]),
        ("cp949", ["박지성"]),
        ("big5", ["王小明", "林美玲", "陳怡君", "張惠妹"]),
        ("big5", ["陳怡君"]),
        ("cp950", ["王小明 €"]),
    ],
)
def test_big5_and_cp949_are_told_apart_by_their_letters(
    files: Files, codec: str, names: Sequence[str]
) -> None:
    lines = [["1", name, "Engines"] for name in names]
    table, rows = files.read(csv_of(*lines).encode(codec))
    assert table.encoding == codec
    assert [row.cells[1] for row in rows] == names


def test_what_is_stated_is_believed_where_it_can_be_read(files: Files) -> None:
    content = csv_of(["1", "é", "a;b"]).encode("cp1252")
    assert files.cells(content, encoding="cp1252") == [["1", "é", "a;b"]]
    assert "byte 21 cannot be read" in files.refusal(content, encoding="utf-8")
    table, _ = files.read(csv_of(LINE).encode(), delimiter=";")
    assert list(table.header) == [",".join(KNOWN)]


def test_a_character_that_lies_on_the_edge_of_a_chunk_is_read(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    for chunk in range(1, 9):
        monkeypatch.setattr(encodings, "CHUNK", chunk)
        assert files.cells(csv_of(LINE).encode()) == [LINE]
    late = csv_of(LINE).encode() + b"2,\xff\r\n"
    assert "byte 36" in files.refusal(late, encoding="utf-8")


def test_rows_are_counted_as_spreadsheets_show_them(files: Files) -> None:
    text = 'number,name,note\r\n1,"two\r\nlines",\r\n\r\n ,,\r\n2,b,c\r\n'
    assert [row.number for row in files.read(text.encode())[1]] == [2, 5]
    lines = [(1, "a", None), (None, None, None), (2, "b", None)]
    assert [row.number for row in files.read(workbook(*lines))[1]] == [2, 4]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('1,"a"b,c\r\n', "line 2: its quotes are broken"),
        ('1,"a\r\n2,"b",c\r\n', "lines 2 to 3: its quotes are broken"),
        (f"1,{'x' * 200_000},c\r\n", "line 2: a cell has more than 131072 characters"),
    ],
)
def test_a_broken_row_is_told_and_the_next_one_is_read(files: Files, text: str, error: str) -> None:
    broken, good = files.read((csv_of() + text + "9,z,z\r\n").encode())[1]
    assert broken.error is not None
    assert error in broken.error
    assert (good.error, good.cells) == (None, ["9", "z", "z"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('1,"never', "line 2: a quote is opened there and never closed"),
        ('1,"' + "x\n" * 70_000 + '",\n', "line 2: a quote is opened there and never closed"),
        ("x" * (tables.LARGEST_ROW + 1), "a row has more than"),
        ("," * tables.MOST_COLUMNS, "has more than 1000 columns"),
        ("\n" * 100_001, "after row 1 there are more than 100000 empty ones"),
    ],
)
def test_a_row_without_an_end_is_no_row(files: Files, text: str, why: str) -> None:
    assert why in files.refusal((csv_of() + text).encode())


def test_cells_of_a_workbook_are_what_they_mean(files: Files) -> None:
    day = datetime(2026, 1, 31, 12, 30)  # noqa: DTZ001 - as spreadsheets have it
    lines: list[tuple[object, ...]] = [
        (1, 1.5, True),
        (day, date(2026, 1, 31), time(12, 30)),
        (timedelta(hours=30), "'=1+1", "_x0041_"),
        (None, "last", None),
    ]
    assert files.cells(workbook(*lines)) == [
        [1, 1.5, True],
        ["2026-01-31T12:30:00", "2026-01-31T00:00:00", "12:30:00"],
        ["P1DT6H", "'=1+1", "A"],
        [None, "last", None],
    ]


def test_a_sheet_goes_on_in_the_next_one_with_the_same_header(files: Files) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook((1, "a", None))))
    for header, line in ((KNOWN, (2, "b", "c")), (("notes",), ("no rows",))):
        other = book.create_sheet()
        other.append(list(header))
        other.append(list(line))
    target = io.BytesIO()
    book.save(target)
    _, rows = files.read(target.getvalue())
    assert [(row.number, list(row.cells)) for row in rows] == [
        (2, [1, "a", None]),
        (4, [2, "b", "c"]),
    ]


def test_an_error_of_a_spreadsheet_is_an_error_of_its_row(files: Files) -> None:
    content = sheet(
        workbook(),
        '<row r="1"><c r="A1" t="str"><v>number</v></c></row>'
        '<row r="2"><c r="A2" t="e"><v>#REF!</v></c></row>',
    )
    (row,) = files.read(content)[1]
    assert row.error == "cell 1 is the error #REF!"


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_is_packed_as_workbooks_are(files: Files, compression: int) -> None:
    content = changed(workbook(), lambda _, old: old, compress_type=compression)
    assert "packed in a way" in files.refusal(content)


def test_a_bomb_is_refused_by_what_it_really_unpacks(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LARGEST_PART", 10_000)
    content = sheet(workbook(), "<row/>" * 100_000)
    assert "bytes unpacked" in files.refusal(content)
    # What the directory says of a part's size is what is believed least.
    for size in (0, 2**31):
        real = zipfile.ZipFile(io.BytesIO(content)).getinfo(SHEET).file_size
        lying = content.replace(struct.pack("<L", real), struct.pack("<L", size))
        assert lying != content
        assert files.refusal(lying)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('<row r="1"><c t="inlineStr"><is><t>' + "x" * 3_000_000, "bytes in one row"),
        ('<row r="1">' + "<c/>" * 9000, "elements"),
        ('<row r="1"><c r="AMM1"><v>1</v></c></row>', "column 1027"),
        ('<row r="2"/><row r="2"><c><v>1</v></c></row>', "row 2 comes after row 2"),
        ('<row r="1048577"/>', "row 1048577 comes after row 0"),
        ('<row r="1"><c t="s"><v>7</v></c></row>', "there is none"),
        ('<row r="1"><c r="1A"><v>1</v></c></row>', "damaged"),
        ('<row r="x"><c><v>1</v></c></row>', "damaged"),
        ('<row r="1"><c t="b"><v>maybe</v></c></row>', "damaged"),
        ("<row>", "damaged"),
    ],
)
def test_what_a_sheet_claims_is_bounded(files: Files, text: str, why: str) -> None:
    assert why in files.refusal(sheet(workbook(), text))


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "xl/sharedStrings.xml"])
def test_no_part_of_a_workbook_declares_entities(files: Files, part: str, tmp_path: Path) -> None:
    laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'

    def declare(name: str, old: bytes) -> bytes:
        begin = old.index(b"?>") + 2 if old.startswith(b"<?xml") else 0
        return old[:begin] + laughs.encode() + old[begin:] if name == part else old

    assert "Forbidden" in files.refusal(changed(sharing(tmp_path), declare))


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("xl/styles.xml", b"<a/>" * 250_000),
        ("xl/workbook.xml", b" " * 5_000_000),
        ("[Content_Types].xml", b"<nothing/>"),
        ("xl/worksheets/sheet1.xml", b""),
    ],
)
def test_a_part_that_is_too_much_or_nothing_is_refused(
    files: Files, part: str, content: bytes
) -> None:
    assert files.refusal(changed(workbook(), lambda name, old: content if name == part else old))


def test_a_directory_of_a_million_parts_is_never_read(files: Files) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(archives.MOST_PARTS + 1):
            archive.writestr(f"{number}", b"")
    assert "more than 2000 parts" in files.refusal(target.getvalue())
    with zipfile.ZipFile(target, "a") as archive:
        for number in range(20):
            archive.writestr(f"{'x' * 60_000}{number}", b"")
    assert "directory" in files.refusal(target.getvalue())


@pytest.mark.parametrize("format_", [Format.CSV, Format.XLSX])
def test_every_kind_of_value_is_read_as_it_was_exported(
    files: Files, rows: list[list[object]], format_: Format, tmp_path: Path, settings: Settings
) -> None:
    own.configure(settings)
    path = tmp_path / "exported"
    make(format_, path, rows)
    table, found = files.read(path.read_bytes())
    assert list(table.header) == [column.name for column in COLUMNS]
    same([back(list(row.cells)) for row in found], rows)


def test_a_text_has_nul_characters_and_is_no_utf_16(files: Files) -> None:
    lines = [["1", "a\0b", "\0"]] * 3
    table, rows = files.read(csv_of(*lines).encode())
    assert (table.encoding, [list(row.cells) for row in rows]) == ("utf-8", lines)


def test_texts_that_cells_share_are_those_of_their_numbers(files: Files, tmp_path: Path) -> None:
    rows = files.cells(sharing(tmp_path))
    assert rows[1233] == [1234, "name 234", "same\x0b\ttext_x000D_"]
    assert rows[2999] == [None, "Ada Lovelace", None]
