"""Programs of other people read exports: LibreOffice CSV and XLSX, DuckDB CSV and Parquet."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import zipfile
from html import unescape
from pathlib import Path

import httpx
import pytest

from tests.rendered.libreoffice import convert
from tests.rendered.peers import environment
from tests.rendered.processes import Backend, draft_of
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

NAMES = [
    "王小明, 김철수; Zoë",
    "=1+1",
    "-1",
    "@SUM(A1)",
    "'quoted'",
    'say "so"',
    "<r><t>x</t></r>",
    "_x0041_",
    "0012",
]
# As a spreadsheet shows them: nothing is a formula.
SHOWN = [f"'{name}" if re.match("[=@'-]|<r>", name) else name for name in NAMES]
DUCKDB = """
import duckdb, json, sys
found = duckdb.sql(f"SELECT full_name, version, created_at FROM '{sys.argv[1]}' ORDER BY email")
types = [str(each) for each in found.types]
print(json.dumps([types, [row[0] for row in found.fetchall()]]))
"""


@pytest.fixture
def client(backend: Backend, tmp_path: Path) -> httpx.Client:
    """The client of an api that has these profiles."""
    backend.environment["TRANSFERS_FOLDER"] = str(tmp_path / "transfers")
    _, client = backend.start_api()
    for number, name in enumerate(NAMES):
        draft = draft_of(f"E-{number}") | {"full_name": name, "email": f"a{number}@example.com"}
        assert client.post("/v1/profiles", json=draft).status_code == httpx.codes.CREATED
    return client


def exported(client: httpx.Client, folder: Path, format_: str) -> Path:
    asked = {"format": format_, "query": {"sort": "employee_number"}}
    path = client.post("/v1/exports/profiles", json=asked).headers["location"]
    wait_until(lambda: client.get(path).json()["data"]["state"] == "ready", "the file")
    folder.mkdir()
    file = folder / f"profiles.{format_}"
    file.write_bytes(client.get(f"{path}/file").content)
    return file


@pytest.mark.nightly
def test_libreoffice_reads_xlsx(client: httpx.Client, tmp_path: Path) -> None:
    saved = convert(exported(client, tmp_path / "lo", "xlsx"), "csv")
    with saved.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["full_name"] for row in rows] == SHOWN
    assert {row["version"] for row in rows} == {"1"}


@pytest.mark.nightly
def test_libreoffice_reads_csv(client: httpx.Client, tmp_path: Path) -> None:
    saved = convert(exported(client, tmp_path / "lo", "csv"), "xlsx")
    with zipfile.ZipFile(saved) as book:
        texts = book.read("xl/sharedStrings.xml").decode("utf-8")
        sheet = book.read("xl/worksheets/sheet1.xml").decode("utf-8")
    shown = {unescape(text) for text in re.findall(r"<t[^>]*>([^<]*)</t>", texts)}
    # It takes digits for a number there, as Excel does; and it escapes what looks like an escape.
    assert shown >= set(SHOWN) - {"0012", "_x0041_"}
    assert "<f" not in re.sub("<(format|filter)", "", sheet)


def test_duckdb_reads_csv_and_parquet(client: httpx.Client, tmp_path: Path) -> None:
    python = environment(tmp_path) / "python"

    def read(format_: str) -> tuple[list[str], list[str]]:
        file = exported(client, tmp_path / format_, format_)
        told = subprocess.run(
            [python, "-c", DUCKDB, file], check=True, capture_output=True, text=True
        )
        types, names = json.loads(told.stdout)
        return types, names

    assert read("parquet") == (["VARCHAR", "BIGINT", "TIMESTAMP WITH TIME ZONE"], NAMES)
    assert read("csv") == (["VARCHAR", "BIGINT", "TIMESTAMP WITH TIME ZONE"], SHOWN)
