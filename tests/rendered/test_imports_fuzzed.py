"""Whatever is sent as a file: it or its rows are refused; never a 500, and never half an effect.

Hypothesis makes files here: texts of any shape, encoding and quoting, workbooks that lie, and good
ones of which bytes are changed. A process on the render's own packages imports them.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import struct
import subprocess
import zipfile
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rendered import workbooks
from tests.rendered.conftest import OPEN

pytestmark = [pytest.mark.slow, pytest.mark.cases]

PROGRAM = Path(__file__).with_name("imports_fuzzed_program.py").read_text("utf-8")
CASES = max(int(os.environ.get("HEADSTART_CASES", "0")), 100)
HEADER = ["employee_number", "full_name", "email", "department"]
GOOD = ["E-1", "Ada", "ada@example.com", "Engines"]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "big5", "cp949"]
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
CELLS = TEXTS | st.sampled_from([*GOOD, "=1+1", "'", '"', "\x00", "1e999", "x" * 40_000, ""])
NUMBERS = st.integers(0, 30).map("E-{}".format)
ROWS = st.tuples(NUMBERS, CELLS, st.sampled_from([GOOD[2], "none"]), CELLS).map(list)
SHAPES = st.lists(st.just(GOOD) | ROWS | st.lists(CELLS, max_size=6), max_size=6)
QUERIES = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["validate", "all", "all", "partial"]),
        "existing": st.sampled_from(["update", "refuse"]),
    },
    optional={
        "encoding": st.sampled_from(["utf-8", "utf-16", "big5", "cp949", "cp1252", "gb18030"]),
        "delimiter": st.sampled_from([",", ";", "\t", "|"]),
    },
)
MANY = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))


class Importer:
    """The process that imports."""

    def __init__(self, project: Path, folder: Path) -> None:
        own = {
            "DATABASE_URL": f"sqlite:///{folder / 'app.db'}",
            "TRANSFERS_FOLDER": str(folder / "transfers"),
            "TRANSFERS_MOST_UNPACKED": "20000000",
            "LOG_LEVEL": "ERROR",
        }
        environment = os.environ | OPEN | own
        environment.pop("REDIS_URL", None)
        python = str(project / ".venv/bin/python")
        command = [python, "-m", "alembic", "upgrade", "head"]
        subprocess.run(command, cwd=project, env=environment, check=True)
        self.process = subprocess.Popen(
            [python, "-c", PROGRAM],
            cwd=project,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert self._read() == "ready"

    def _read(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def outcome(self, query: dict[str, str], content: bytes) -> dict[str, Any]:
        assert self.process.stdin is not None
        line = json.dumps([query, base64.b64encode(content).decode()])
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        found: dict[str, Any] = self._read()
        return found


@pytest.fixture(scope="module")
def importer(everything: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Importer]:
    importer = Importer(everything, tmp_path_factory.mktemp("imports"))
    yield importer
    importer.process.kill()
    importer.process.communicate()


def require_honest(importer: Importer, query: dict[str, str], content: bytes) -> None:
    """Hold what is true of any file at all."""
    found = importer.outcome(query, content)
    if found["status"] != 202:
        assert 400 <= found["status"] < 500, found
        assert found["detail"], found
        assert found["profiles"] == [], found
        return
    written = found["created"] + found["updated"] + found["unchanged"]
    if found["state"] == "failed":
        # In words, and not by what some library has stumbled over.
        assert not found["error"].partition(":")[0].endswith("Error"), found
    else:
        assert found["state"] in ("done", "refused"), found
        assert found["bad"] == 0 or found["report_status"] == 200, found
    if query["mode"] == "validate" or found["state"] != "done":
        assert found["profiles"] == [], found
    else:
        assert len(found["profiles"]) == written, found
        assert written + found["bad"] == found["rows"], found
        assert query["mode"] == "partial" or found["bad"] == 0, found


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """A text with the right header, as a rule, and rows of any shape."""
    header = draw(st.just(HEADER) | st.permutations([*HEADER, "id"]) | st.lists(CELLS, max_size=5))
    quoting: Any = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    target = io.StringIO(newline="")
    writer = csv.writer(target, delimiter=delimiter, quoting=quoting)
    writer.writerows([header, *draw(SHAPES)])
    return target.getvalue().encode(draw(st.sampled_from(ENCODINGS)), "replace")


@st.composite
def sheets(draw: st.DrawFn) -> bytes:
    """A workbook whose cells are of any kind, and claim to be of another."""
    kinds = st.sampled_from(["s", "str", "inlineStr", "n", "b", "d", "e", "x"])
    rows = []
    for number, row in enumerate([HEADER, *draw(SHAPES)], 1):
        cells = []
        for text in row:
            kind = draw(kinds) if number > 1 and draw(st.booleans()) else "inlineStr"
            said = escape("".join(each for each in text if each.isprintable()))
            inside = f"<is><t>{said}</t></is>" if kind == "inlineStr" else f"<v>{said}</v>"
            cells.append(f'<c t="{kind}">{inside}</c>')
        place = draw(
            st.just(f' r="{number}"') | st.sampled_from(["", ' r="0"', ' r="-1"', ' r=""'])
        )
        rows.append(f"<row{place}>{''.join(cells)}</row>")
    return workbooks.packed(workbooks.small("".join(rows)))


def inline(texts: Sequence[str]) -> str:
    return "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in texts)


GOOD_SHEET = f"<row>{inline(HEADER)}</row><row>{inline(GOOD)}</row>"


@st.composite
def liars(draw: st.DrawFn) -> bytes:
    """A workbook whose directory says something else of the sizes of its parts."""
    rows = GOOD_SHEET + "<row/>" * draw(st.sampled_from([0, 10, 100_000, 4_000_000]))
    content = bytearray(workbooks.packed(workbooks.small(rows)))
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as archive:
        begin = archive.start_dir
    for _ in range(draw(st.integers(0, 4))):
        # A number of four bytes, somewhere in the directory.
        at = draw(st.integers(begin, len(content) - 4))
        number = draw(st.sampled_from([0, 1, 2**31 - 1, 2**32 - 1]))
        content[at : at + 4] = struct.pack("<L", number)
    return bytes(content)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good file with a piece of it replaced, twice, cut out, or put elsewhere."""
    content = draw(texts() | sheets() | st.just(workbooks.packed(workbooks.small(GOOD_SHEET))))
    begin = draw(st.integers(0, len(content)))
    end = draw(st.integers(begin, min(len(content), begin + 30)))
    piece = draw(st.binary(max_size=20) | st.just(content[begin:end] * 2))
    return content[:begin] + piece + content[end:]


@st.composite
def parts(draw: st.DrawFn) -> bytes:
    """A workbook of which a part has a piece of other XML, or none."""
    found = workbooks.small(GOOD_SHEET)
    name = draw(st.sampled_from(sorted(found)))
    text = found[name]
    at = draw(st.integers(0, len(text)))
    piece = draw(
        st.binary(max_size=10)
        | st.sampled_from(
            [b"<a>" * 1000, b"<a/>" * 100_000, b"&lt;", b"&#0;", b"&a;", b"<!--", b"<![CDATA["]
        )
        | st.just(b'<!DOCTYPE a [<!ENTITY a "ha">]>')
    )
    changed = draw(st.sampled_from([text[:at] + piece + text[at:], piece, text[:at]]))
    return workbooks.packed(found | {name: changed})


@pytest.mark.parametrize(
    "strategy",
    [texts, sheets, pytest.param(liars, marks=pytest.mark.nightly), damaged, parts],
)
@MANY
@given(data=st.data(), query=QUERIES)
def test_no_file_is_an_accident(
    importer: Importer, strategy: Any, data: st.DataObject, query: dict[str, str]
) -> None:
    require_honest(importer, query, data.draw(strategy()))


@MANY
@given(content=st.binary(max_size=200), query=QUERIES)
def test_no_bytes_are_an_accident(
    importer: Importer, content: bytes, query: dict[str, str]
) -> None:
    require_honest(importer, query, content)
