"""Every kind of value is the same after it was in a file; what is unlike a value is refused."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import openpyxl
import pytest
import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from app.core.database import SORT_KEY, UtcDateTime
from app.features.transfers import settings as own
from app.features.transfers.outgoing.files import Refused, written
from app.features.transfers.outgoing.models import Format
from app.features.transfers.values import kind, read, unescaped
from app.settings import Settings

ROWS = 400
SEEDS = range(3)
LETTERS = "=+-@'\t\r\n \0\x0b\x7f\x85\u2028\ufeff\ufffe,;\"<r>&_x0041_ab09\uff1d\uff0b王김é😀"
EAST = timezone(timedelta(hours=5, minutes=30))


class Color(Enum):
    """Whose names and values differ."""

    RED = 1
    GREEN = "=2"


def text(chance: random.Random) -> str:
    pieces = ["<r>", "</r>", "_x000D_", "_x005F_", "\r\n", "''", *LETTERS]
    return "".join(chance.choices(pieces, k=chance.randrange(7)))


def instant(chance: random.Random) -> datetime:
    at = datetime(1, 1, 2, tzinfo=UTC) + chance.random() * timedelta(days=3_600_000)
    return at.astimezone(chance.choice([UTC, EAST]))


def structure(chance: random.Random) -> object:
    some: list[object] = [text(chance), chance.randint(-(10**20), 10**20), True, {}, [None, 0.5]]
    return chance.choice([*some, dict.fromkeys([text(chance)], some)])


Make = Callable[[random.Random], object]
KINDS: dict[str, tuple[TypeEngine[Any], Make]] = {
    "text": (sa.String(50), text),
    "long": (sa.Text(), text),
    "sorted": (SORT_KEY, text),
    "whole": (sa.BigInteger(), lambda chance: chance.randint(-1, 1) * chance.getrandbits(63)),
    "small": (sa.Integer(), lambda chance: chance.randint(-9, 9)),
    "float": (sa.Float(), lambda chance: chance.gauss() * 10 ** chance.randint(-300, 300)),
    "exact": (
        sa.Numeric(30, 8),
        lambda chance: Decimal(chance.randint(-1, 1) * chance.getrandbits(96)).scaleb(-8),
    ),
    "money": (sa.Numeric(12, 2), lambda chance: Decimal(chance.randint(-99999, 99999)).scaleb(-2)),
    "flag": (sa.Boolean(), lambda chance: chance.random() < 0.5),
    "at": (UtcDateTime(), instant),
    "local": (sa.DateTime(), lambda chance: instant(chance).replace(tzinfo=None)),
    "day": (sa.Date(), lambda chance: instant(chance).date()),
    "hour": (sa.Time(), lambda chance: instant(chance).time()),
    "span": (sa.Interval(), lambda chance: chance.uniform(-1, 1) * timedelta(days=90_000)),
    "color": (sa.Enum(Color), lambda chance: chance.choice(list(Color))),
    "word": (sa.Enum("a", "-b", "=c"), lambda chance: chance.choice(["a", "-b", "=c"])),
    "uuid": (sa.Uuid(), lambda chance: UUID(int=chance.getrandbits(128))),
    "json": (sa.JSON(), structure),
    "bytes": (sa.LargeBinary(), lambda chance: chance.randbytes(chance.randrange(5))),
}
COLUMNS = [
    sa.Column(name if nullable else f"{name}_always", type_, nullable=nullable)
    for name, (type_, _) in KINDS.items()
    for nullable in (True, False)
]


@pytest.fixture(params=SEEDS)
def rows(request: pytest.FixtureRequest) -> list[list[object]]:
    chance = random.Random(request.param)

    def value(column: sa.Column[Any]) -> object:
        if column.nullable and chance.random() < 0.2:
            return None
        return KINDS[column.name.removesuffix("_always")][1](chance)

    return [[value(column) for column in COLUMNS] for _ in range(ROWS)]


@pytest.fixture(autouse=True)
def _configured(settings: Settings) -> None:
    own.configure(settings)


def back(line: list[Any]) -> list[object]:
    return [read(column, cell) for column, cell in zip(COLUMNS, line, strict=True)]


def make(format_: Format, path: Path, rows: list[list[object]]) -> None:
    with written(format_, path, COLUMNS, datetime(2026, 1, 1, tzinfo=UTC)) as write:
        for at in range(0, len(rows), 150):
            write(rows[at : at + 150])


def same(found: list[list[object]], rows: list[list[object]]) -> None:
    for line, row in zip(found, rows, strict=True):
        for column, one, other in zip(COLUMNS, line, row, strict=True):
            assert (one, type(one)) == (other, type(other)), column.name


def test_csv_gives_back_what_it_was_given(rows: list[list[object]], tmp_path: Path) -> None:
    make(Format.CSV, tmp_path / "a.csv", rows)
    content = (tmp_path / "a.csv").read_bytes().decode("utf-8-sig")
    _, *lines = csv.reader(io.StringIO(content, newline=""))
    same([back(line) for line in lines], rows)


def test_xlsx_gives_back_what_it_was_given(rows: list[list[object]], tmp_path: Path) -> None:
    make(Format.XLSX, tmp_path / "a.xlsx", rows)
    book = openpyxl.load_workbook(tmp_path / "a.xlsx", read_only=True)
    found = [
        back([unescaped(cell) if isinstance(cell, str) else cell for cell in line])
        for line in book.worksheets[0].iter_rows(min_row=2, max_col=len(COLUMNS), values_only=True)
    ]
    book.close()
    same(found, rows)


@pytest.mark.parametrize("format_", Format)
def test_the_same_rows_make_the_same_bytes(
    format_: Format, rows: list[list[object]], tmp_path: Path
) -> None:
    for name in "ab":
        make(format_, tmp_path / name, rows)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_numbers_of_a_sheet_are_numbers_where_they_are_exact(tmp_path: Path) -> None:
    column = sa.Column("number", sa.Numeric(30, 8))
    numbers = [Decimal("12.50000000"), Decimal("123456789012345678.00000001")]
    path = tmp_path / "a.xlsx"
    with written(Format.XLSX, path, [column], datetime(2026, 1, 1, tzinfo=UTC)) as write:
        write([[number] for number in numbers])
    sheet = openpyxl.load_workbook(path).worksheets[0]
    assert [cell.value for cell in sheet["A"]] == ["number", 12.5, str(numbers[1])]


def test_a_text_too_long_for_a_cell_is_refused(tmp_path: Path) -> None:
    column = sa.Column("note", sa.Text())
    book = written(Format.XLSX, tmp_path / "a", [column], datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(Refused, match="note of row 2 has more"), book as write:
        write([["a" * 32_767], ["a" * 32_768]])


@pytest.mark.parametrize(
    ("type_", "cell", "value"),
    [
        (sa.String(), "'t Hooft", "'t Hooft"),
        (sa.String(), 12.0, "12"),
        (sa.Integer(), 12.0, 12),
        (sa.Boolean(), "TRUE", True),
        (sa.Date(), datetime(2026, 1, 31), date(2026, 1, 31)),  # noqa: DTZ001 - as sheets have it
        (sa.Time(), time(12, 30), time(12, 30)),
        (UtcDateTime(), "2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        (sa.Numeric(10, 2), 12.1, Decimal("12.1")),
        (sa.String(), "", None),
    ],
)
def test_what_other_people_write_is_read(
    type_: TypeEngine[Any], cell: object, value: object
) -> None:
    assert read(sa.Column("a", type_), cell) == value


@pytest.mark.parametrize(
    ("type_", "cell"),
    [
        (sa.Integer(), "1.5"),
        (sa.Numeric(), "a"),
        (sa.Boolean(), "yes"),
        (sa.Date(), "2026-02-30"),
        (sa.Date(), "2026-02-28T12:00"),
        (UtcDateTime(), "2026-01-31T12:00:00"),
        (sa.Uuid(), "1"),
        (sa.Enum(Color), "BLUE"),
        (sa.JSON(), "{"),
        (sa.LargeBinary(), "!"),
        (sa.Interval(), "a day"),
    ],
)
def test_what_is_none_of_the_column_is_a_value_error(type_: TypeEngine[Any], cell: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever it is
        read(sa.Column("a", type_), cell)


def test_a_column_of_an_unknown_type_is_told() -> None:
    with pytest.raises(TypeError, match="has no text: add it to"):
        kind(sa.types.NullType())


def test_json_keeps_its_letters() -> None:
    assert json.loads(kind(sa.JSON()).text({"名": "é"})) == {"名": "é"}
    assert kind(sa.JSON()).text({"名": "é"}) == '{"名":"é"}'
