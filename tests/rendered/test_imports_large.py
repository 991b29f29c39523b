"""An import takes no more memory for more rows, seen from outside; and each of them is there.

Every row of a workbook has a text of its own, among those that cells share: openpyxl would keep it.
A tenth of the rows, and all of them in the nightly.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.rendered.processes import Backend
from tests.rendered.test_exports_large import LONG, RESET_MOST, mib, start
from tests.rendered.workbooks import write_large
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells the most"),
]

HEADER = ["employee_number", "full_name", "email", "department"]
URL = "/v1/imports/profiles"
MOST = 128  # MiB above idle


def write_text(path: Path, header: list[str], rows: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for number in range(rows):
            writer.writerow([f"E-{number:07}", f"Ada {number}", "ada@example.com", "Engines"])


@pytest.mark.parametrize(
    ("write", "mode", "rows"),
    [
        (write_large, "validate", 100_000),
        (write_text, "all", 20_000),
        pytest.param(write_large, "validate", 1_000_000, marks=pytest.mark.nightly),
        pytest.param(write_text, "all", 200_000, marks=pytest.mark.nightly),
        pytest.param(write_large, "partial", 200_000, marks=pytest.mark.nightly),
    ],
)
def test_memory_stays_while_rows_come_in(
    backend: Backend, tmp_path: Path, write: object, mode: str, rows: int
) -> None:
    backend.environment["TRANSFERS_FOLDER"] = str(tmp_path / "transfers")
    file = tmp_path / "file"
    assert callable(write)
    write(file, HEADER, rows)
    process, client = start(backend)
    Path(f"/proc/{process.pid}/clear_refs").write_text(RESET_MOST, "ascii")
    idle = mib(process, "VmRSS")
    with file.open("rb") as content:
        answer = client.post(URL, params={"mode": mode}, content=content)
    place = answer.headers["location"]

    def found() -> dict[str, object]:
        told: dict[str, object] = client.get(place).json()["data"]
        return told

    wait_until(lambda: found()["ended_at"] is not None, "the import", LONG, pause=0.2)
    above = mib(process, "VmHWM") - idle
    ended = found()
    assert (ended["state"], ended["rows"], ended["created"]) == ("done", rows, rows)
    assert above <= MOST, f"{above:.0f} MiB above {idle:.0f} MiB"
    written = 0 if mode == "validate" else rows
    assert backend.count("SELECT count(*) FROM profiles") == written
