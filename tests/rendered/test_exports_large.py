"""An export takes no more memory for more rows, seen from outside; and it has all of them.

Every text of a row is another one. A tenth of the rows, and all of them in the nightly.
"""

from __future__ import annotations

import csv
import hashlib
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.rendered.processes import Backend
from tests.rendered.servers import free_port
from tests.waiting import DEADLINE, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells the most"),
]

PROGRAM = Path(__file__).with_name("exports_program.py").read_text("utf-8")
ALL = pytest.param(1_000_000, marks=pytest.mark.nightly)
LONG = 3600.0  # seconds, for a million rows on a machine that does something else
URL = "/v1/exports/profiles"
RESET_MOST = "5"  # proc(5), clear_refs


def mib(process: subprocess.Popen[bytes], what: str) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    found = re.search(rf"^{what}:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None, status
    return int(found[1]) / 1024


def start(backend: Backend) -> tuple[subprocess.Popen[bytes], httpx.Client]:
    """Start an api whose memory nobody shares."""
    port = free_port()
    process = backend.spawn([backend.python, "-m", "app", "api"], PORT=str(port))
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE)
    backend.clients.append(client)

    def ready() -> bool:
        try:
            return client.get("/readyz").is_success
        except httpx.TransportError:
            return False

    wait_until(ready, "the api to become ready")
    return process, client


def names_in_csv(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from (line["full_name"] for line in csv.DictReader(file))


def names_in_xlsx(path: Path) -> Iterator[str]:
    """Yield what column C has: as bytes, for a reader of a million cells takes minutes."""
    pattern = re.compile(rb'<c r="C\d+" t="inlineStr"><is><t>([^<]*)</t>')
    with zipfile.ZipFile(path) as book, book.open("xl/worksheets/sheet1.xml") as sheet:
        rest = b""
        while chunk := sheet.read(1 << 20):
            *rows, rest = (rest + chunk).split(b"</row>")
            yield from (found[1].decode() for row in rows for found in pattern.finditer(row))


NAMES = {"csv": names_in_csv, "xlsx": names_in_xlsx}


@pytest.mark.parametrize("rows", [100_000, ALL])
@pytest.mark.parametrize(("format_", "most"), [("csv", 64), ("xlsx", 128)])
def test_memory_stays_while_rows_go_through(
    backend: Backend, tmp_path: Path, format_: str, most: int, rows: int
) -> None:
    backend.environment["TRANSFERS_FOLDER"] = str(tmp_path / "transfers")
    backend.run("-c", PROGRAM, "seed", str(rows))
    process, client = start(backend)
    Path(f"/proc/{process.pid}/clear_refs").write_text(RESET_MOST, "ascii")
    idle = mib(process, "VmRSS")
    query = {"sort": "employee_number"}
    asked = client.post(URL, json={"format": format_, "query": query}).json()["data"]["id"]

    def found() -> dict[str, object]:
        answer: dict[str, object] = client.get(f"{URL}/{asked}").json()["data"]
        return answer

    wait_until(lambda: found()["state"] not in ("queued", "running"), "the file", LONG, pause=0.2)
    above = mib(process, "VmHWM") - idle
    export = found()
    assert (export["state"], export["rows"]) == ("ready", rows)
    assert above <= most, f"{above:.0f} MiB above {idle:.0f} MiB"
    file = tmp_path / f"file.{format_}"
    with client.stream("GET", f"{URL}/{asked}/file") as answer, file.open("wb") as target:
        for chunk in answer.iter_bytes():
            target.write(chunk)
    assert mib(process, "VmHWM") - idle <= most
    with file.open("rb") as source:
        assert hashlib.file_digest(source, "sha256").hexdigest() == export["sha256"]
    names = [name for name in NAMES[format_](file) if name != "full_name"]
    assert len(names) == len(set(names)) == rows
    assert sum(name.startswith("'=") for name in names) == len(range(0, rows, 7))
