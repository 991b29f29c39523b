"""Imports as clients see them: what is good is written by the mode, and the rest is told."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import openpyxl
import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, StatementError

from app.core import jobs as jobs_of_core
from app.core.database import Database, WriteSession
from app.core.engines import DatabaseUnavailable
from app.core.errors import Conflict
from app.core.outbox import OutboxRow
from app.features.transfers import Written
from app.features.transfers.incoming import imports, reports, writing
from app.features.transfers.incoming.models import IMPORTS
from app.modules.profiles import transfers
from app.modules.profiles.models import Profile
from app.settings import Settings
from tests.conftest import connect, serve
from tests.features.transfers.conftest import NAMES, PROFILES, add, add_awkward, exported, row
from tests.features.transfers.test_commands import run

URL = "/v1/imports/profiles"
HEADER = ("employee_number", "full_name", "email", "department")


def text(*rows: Sequence[object], header: Sequence[str] = HEADER, delimiter: str = ",") -> bytes:
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=delimiter).writerows([header, *rows])
    return target.getvalue().encode()


def workbook(*rows: Sequence[object], header: Sequence[str] = HEADER) -> bytes:
    book = openpyxl.Workbook()
    for each in (header, *rows):
        book.worksheets[0].append(list(each))
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def person(number: int, name: str = "Ada", **fields: str) -> list[str]:
    known = {"employee_number": f"{number:05}", "full_name": name, "department": "Engines"}
    known |= {"email": f"ada{number}@example.com"} | fields
    return [known[each] for each in HEADER]


async def send(client: httpx.AsyncClient, content: bytes, **query: str) -> dict[str, Any]:
    """Send a file, and return how its import has ended."""
    answer = await client.post(URL, params=query, content=content)
    assert answer.status_code == 202, answer.text
    place = answer.headers["Location"]
    async with asyncio.timeout(60):
        while True:
            found: dict[str, Any] = (await client.get(place)).json()["data"]
            if found["ended_at"]:
                return found
            await asyncio.sleep(0.02)


async def names(database: Database) -> dict[str, str]:
    rows = await database.reads.execute(select(Profile.employee_number, Profile.full_name))
    return {row.employee_number: row.full_name for row in rows}


def kept(folder: Path) -> list[Path]:
    """Return every file that there is, also in the making."""
    return [each for each in folder.rglob("*") if each.is_file()]


async def report(client: httpx.AsyncClient, found: dict[str, Any]) -> list[list[Any]]:
    answer = await client.get(f"{URL}/{found['id']}/report")
    assert answer.status_code == 200, answer.text
    assert len(answer.content) == found["report_bytes"]
    if found["format"] == "xlsx":
        sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0]
        return [list(line) for line in sheet.iter_rows(values_only=True)]
    lines = io.StringIO(answer.content.decode("utf-8-sig"), newline="")
    return list(csv.reader(lines, delimiter=found["delimiter"]))


async def test_good_rows_are_created_and_updated(
    committing: Database, api: httpx.AsyncClient
) -> None:
    await add(committing, row(1), row(2, "Bob"))
    for content in (text, workbook):
        rows = [person(1), person(2, f"Bob {content.__name__}"), person(3, content.__name__)]
        found = await send(api, content(*rows), mode="all")
        assert (found["state"], found["error"]) == ("done", None)
        assert found["rows"] == found["valid"] == 3
        assert (found["bad"], found["unchanged"]) == (0, 1)
        assert (await names(committing))["00002"] == f"Bob {content.__name__}"
    assert (found["created"], found["updated"]) == (0, 2)


async def test_without_being_told_an_import_only_validates(
    committing: Database, api: httpx.AsyncClient
) -> None:
    await add(committing, row(1))
    rows = [person(1, "Eve"), person(2), person(3, email="none"), *[person(1)] * 3]
    found = await send(api, text(*rows))
    assert (found["mode"], found["state"]) == ("validate", "done")
    assert (found["rows"], found["valid"], found["bad"]) == (6, 2, 4)
    assert (found["created"], found["updated"]) == (1, 1)
    assert await names(committing) == {"00001": "Ada"}


async def test_a_file_is_validated_anew_whatever_was_found_before(
    committing: Database, api: httpx.AsyncClient
) -> None:
    before = await send(api, text(person(1)), existing="refuse")
    await add(committing, row(1))
    found = await send(api, text(person(1)), existing="refuse")
    assert found["id"] == before["id"]
    assert (before["valid"], before["created"], before["bad"]) == (1, 1, 0)
    assert (found["valid"], found["created"], found["bad"]) == (0, 0, 1)


async def test_all_or_nothing_writes_nothing_where_one_row_is_bad(
    committing: Database, api: httpx.AsyncClient
) -> None:
    found = await send(api, text(person(1), person(2, email="none")), mode="all")
    assert (found["state"], found["bad"], found["created"]) == ("refused", 1, 0)
    assert await names(committing) == {}


async def test_the_report_of_bad_rows_is_mended_and_sent_again(
    committing: Database, api: httpx.AsyncClient
) -> None:
    for number, content in enumerate((text, workbook), 1):
        rows = [person(10 * number), person(10 * number + 1, email="none"), ["", "", "", "x"]]
        found = await send(api, content(*rows), mode="partial")
        assert (found["state"], found["bad"], found["created"]) == ("done", 2, 1)
        header, *bad = await report(api, found)
        assert header == ["_row", "_error", *HEADER]
        assert [int(line[0]) for line in bad] == [3, 4]
        assert bad[0][1].startswith("email: value is not a valid email address")
        assert "employee_number: " in bad[1][1]
        assert "full_name: " in bad[1][1]
        assert bad[0][2:] == person(10 * number + 1, email="none")
        bad[0][header.index("email")] = "bob@example.com"
        mended = await send(api, content(bad[0], header=header), mode="partial")
        assert (mended["created"], mended["bad"]) == (1, 0)
    assert len(await names(committing)) == 4


async def test_a_report_has_no_formula_and_loses_no_value(
    committing: Database, api: httpx.AsyncClient
) -> None:
    name = "=1+1"
    found = await send(api, text(person(1, name, email="-1"), person(2, name)), mode="partial")
    header, line = await report(api, found)
    assert (line[header.index("full_name")], line[header.index("email")]) == ("'=1+1", "-1")
    line[header.index("email")] = "ada@example.com"
    await send(api, text(line, header=header), mode="partial")
    assert await names(committing) == {"00001": name, "00002": name}


async def test_rows_of_one_key_are_told_of_each_other(
    committing: Database, api: httpx.AsyncClient
) -> None:
    found = await send(api, text(person(1), person(2), person(1, "Eve")), mode="partial")
    assert (found["created"], found["bad"]) == (2, 1)
    _, line = await report(api, found)
    assert line[:2] == ["4", "its key is that of row 2"]
    assert (await names(committing))["00001"] == "Ada"


@pytest.mark.parametrize("mode", ["validate", "all", "partial"])
async def test_rows_whose_key_is_in_the_table_are_refused_where_that_is_asked_for(
    committing: Database, api: httpx.AsyncClient, mode: str
) -> None:
    await add(committing, row(1))
    content = text(person(1, "Eve"), person(2))
    found = await send(api, content, mode=mode, existing="refuse")
    _, line = await report(api, found)
    assert line[:2] == ["2", "its key is in the table already"]
    assert found["state"] == ("refused" if mode == "all" else "done")
    expected = {"00001": "Ada"} | ({"00002": "Ada"} if mode == "partial" else {})
    assert await names(committing) == expected


@pytest.mark.parametrize("mode", ["all", "partial"])
async def test_what_the_database_refuses_is_told_of_its_row(
    committing: Database, api: httpx.AsyncClient, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write(session: WriteSession, rows: Sequence[Any]) -> Sequence[Written]:
        written = await written_by_module(session, rows)
        if any(each.full_name == "Eve" for each in rows):
            raise Conflict("there is an Eve already")
        if any(each.full_name == "Mallory" for each in rows):
            await session.execute(insert(PROFILES), row(1))
        return written

    written_by_module = transfers.PROFILES.write
    monkeypatch.setitem(vars(transfers.PROFILES), "write", write)
    await add(committing, row(1))
    content = text(person(2), person(3, "Eve"), person(4), person(5, "Mallory"))
    found = await send(api, content, mode=mode)
    _, *lines = await report(api, found)
    assert [line[0] for line in lines] == ["3", "5"]
    assert lines[0][1] == "there is an Eve already"
    assert "contradicts what is stored" in lines[1][1]
    kept = {"00001"} if mode == "all" else {"00001", "00002", "00004"}
    assert set(await names(committing)) == kept
    assert (found["state"], found["created"]) == (("refused", 0) if mode == "all" else ("done", 2))


async def test_the_same_file_is_the_same_import(
    committing: Database, api: httpx.AsyncClient
) -> None:
    content = text(person(1))
    first = await send(api, content, mode="all")
    await add(committing, row(2))
    assert await send(api, content, mode="all") == first
    other = await send(api, content, mode="partial")
    assert (other["id"] != first["id"], other["unchanged"]) == (True, 1)
    listed = (await api.get(URL)).json()["data"]["items"]
    assert [each["id"] for each in listed] == [other["id"], first["id"]]


async def test_an_import_is_cancelled_and_goes_on_when_it_is_sent_again(
    committing: Database, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = asyncio.Event()
    written_by_module = transfers.PROFILES.write

    async def write(session: WriteSession, rows: Sequence[Any]) -> Sequence[Written]:
        if not going_on.is_set():
            raise OperationalError("", {}, Exception("a deadlock"))
        return await written_by_module(session, rows)

    monkeypatch.setattr(jobs_of_core, "pause_after", lambda _: timedelta(0))
    monkeypatch.setitem(vars(transfers.PROFILES), "write", write)
    content = text(person(1), person(2))
    answer = await api.post(URL, params={"mode": "partial"}, content=content)
    place = answer.headers["Location"]
    cancelled = await api.post(f"{place}/cancel")
    assert cancelled.json()["data"]["state"] == "cancelled"
    assert (await api.post(f"{place}/cancel")).status_code == 200
    going_on.set()
    found = await send(api, content, mode="partial")
    assert (found["state"], found["created"] + found["unchanged"]) == ("done", 2)
    assert (await api.post(f"{place}/cancel")).status_code == 409
    assert set(await names(committing)) == {"00001", "00002"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"a,b\n1,2\n", "no columns of profiles: 'a', 'b'; it has employee_number"),
        (b"employee_number,email\n1,2\n", "columns are missing: department, full_name"),
        (text(header=[*HEADER, "email"]), "columns are there twice: 'email'"),
        (text(header=["", *HEADER]), "column 1 has no name"),
        (b"\xff\xfe\xff", "state it"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "save it as XLSX"),
        (b"PK\x03\x04 and no archive", "not a zip file"),
        (b'employee_number,"full_name', "never closed"),
        (b"\n" * 9, "no header"),
    ],
)
async def test_a_file_that_is_none_of_the_resource_is_refused(
    committing: Database,  # noqa: ARG001 - it is emptied
    api: httpx.AsyncClient,
    content: bytes,
    why: str,
) -> None:
    answer = await api.post(URL, content=content)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert why in answer.json()["detail"]
    assert (await api.get(URL)).json()["data"]["items"] == []


async def test_a_file_is_longer_than_any_other_request_and_no_longer_than_set(
    settings: Settings,
    committing: Database,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
) -> None:
    monkeypatch.setenv("TRANSFERS_MOST_BYTES", "2000")
    short = settings.model_copy(update={"max_body_bytes": 300})
    async with serve(short, committing) as app, connect(app) as client:
        assert (await send(client, text(*map(person, range(10)))))["rows"] == 10
        content = text(*map(person, range(100)))
        for sent in (content, chunks(content)):
            answer = await client.post(URL, content=sent)
            assert (answer.status_code, answer.headers["connection"]) == (413, "close")
        long = "x" * 300
        assert (await client.post("/v1/profiles", json={"full_name": long})).status_code == 413
    assert len(kept(folder)) == 1


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(content), 100):
        yield content[begin : begin + 100]


async def test_what_has_expired_is_removed_and_then_forgotten(
    committing: Database, api: httpx.AsyncClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await send(api, text(person(1, email="none")), mode="partial")
    assert len(kept(folder)) == 2
    async with committing.writes() as session:
        await session.execute(update(IMPORTS).values(expires_at=datetime.now(UTC)))
    await imports.forget(committing)
    assert kept(folder) == []
    assert (await api.get(f"{URL}/{found['id']}/report")).status_code == 410
    assert (await api.get(f"{URL}/{found['id']}")).json()["data"]["bad"] == 1
    monkeypatch.setattr(imports, "datetime", Later)
    await imports.forget(committing)
    assert (await api.get(f"{URL}/{found['id']}")).status_code == 404


class Later(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Later:
        return super().now(tz) + timedelta(days=98)


async def test_an_import_whose_job_is_gone_has_failed_and_can_be_sent_again(
    committing: Database, settings: Settings, folder: Path
) -> None:
    del folder
    content = text(person(1))
    held = settings.model_copy(update={"job_poll": timedelta(hours=1)})
    async with serve(held, committing) as app, connect(app) as client:
        async with committing.writes() as session:
            await session.execute(delete(OutboxRow))
        found = await send(client, content, mode="all")
        async with committing.writes() as session:
            await session.execute(update(IMPORTS).values(state="writing", ended_at=None))
        await imports.forget(committing)
        found = (await client.get(f"{URL}/{found['id']}")).json()["data"]
        assert (found["state"], found["error"]) == ("failed", "its job has ended before it")
        again = await send(client, content, mode="all")
        assert (again["id"], again["state"], again["unchanged"]) == (found["id"], "done", 1)


async def test_what_was_exported_is_imported_without_a_difference(
    committing: Database, api: httpx.AsyncClient
) -> None:
    rows = await add_awkward(committing)
    for format_ in ("csv", "xlsx"):
        content = await exported(api, format_)
        found = await send(api, content, mode="all")
        assert (found["state"], found["unchanged"], found["updated"]) == ("done", len(rows), 0)
        async with committing.writes() as session:
            await session.execute(delete(PROFILES))
        found = await send(api, content, mode="partial")
        assert (found["created"], found["bad"]) == (len(rows), 0)
        assert sorted((await names(committing)).values()) == sorted(NAMES)


async def test_what_is_written_is_not_written_again_when_an_attempt_has_failed(
    settings: Settings,
    committing: Database,
    folder: Path,  # noqa: ARG001 - where files are
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []
    written_by_module = transfers.PROFILES.write

    async def write(session: WriteSession, rows: Sequence[Any]) -> Sequence[Written]:
        seen.append(rows[0].employee_number)
        if seen == ["00000", "00003"]:
            raise OperationalError("", {}, Exception("a deadlock"))
        return await written_by_module(session, rows)

    monkeypatch.setenv("TRANSFERS_BATCH", "2")
    monkeypatch.setattr(jobs_of_core, "pause_after", lambda _: timedelta(0))
    monkeypatch.setitem(vars(transfers.PROFILES), "write", write)
    rows = [person(number, email="none" if number == 1 else "a@example.com") for number in range(6)]
    async with serve(settings, committing) as app, connect(app) as client:
        found = await send(client, text(*rows), mode="partial", existing="refuse")
        assert (found["state"], found["created"], found["bad"]) == ("done", 5, 1)
    assert seen == ["00000", "00003", "00003", "00005"]
    assert len(await names(committing)) == 5


async def test_what_was_refused_is_tried_again_when_it_is_sent_again(
    committing: Database, api: httpx.AsyncClient
) -> None:
    await add(committing, row(1))
    content = text(person(1), person(2))
    refused = await send(api, content, mode="all", existing="refuse")
    assert (refused["state"], refused["bad"]) == ("refused", 1)
    async with committing.writes() as session:
        await session.execute(delete(PROFILES))
    again = await send(api, content, mode="all", existing="refuse")
    assert (again["id"], again["state"], again["created"]) == (refused["id"], "done", 2)
    assert (again["bad"], again["report_bytes"]) == (0, None)


async def test_an_operator_imports_a_file_and_is_told_of_bad_rows(
    committing: Database,
    api: httpx.AsyncClient,  # noqa: ARG001 - it does the jobs
    settings: Settings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, bad = tmp_path / "file", tmp_path / "bad.csv"
    file.write_bytes(text(person(1), person(2, email="none")))
    words = ("import", "profiles", str(file), "--mode", "partial", "--report", str(bad))
    for _ in range(2):
        with pytest.raises(SystemExit, match="partial done, csv utf-8, 2 rows, 1 created, 0 upd"):
            await run(settings, *words)
    assert set(await names(committing)) == {"00001"}
    assert bad.read_bytes().count(b"\r\n") == 2
    import_id = set(capsys.readouterr().out.split())
    assert len(import_id) == 1
    await run(settings, "imports", "--json")
    assert [each["id"] for each in json.loads(capsys.readouterr().out)] == [*import_id]
    with pytest.raises(SystemExit, match="the import is done"):
        await run(settings, "cancel-import", *import_id)
    for wrong, why in (
        (("import", "people", str(file)), "No module declares a transfer 'people'"),
        (("import", "profiles", str(tmp_path / "none")), "cannot be read"),
        (("import", "profiles", str(file), "--encoding", "utf-7"), "^encoding: Input"),
        (("import", "profiles", str(file), "--delimiter", ";"), "no columns of profiles"),
        (("cancel-import", str(uuid4())), "There is no import"),
    ):
        with pytest.raises(SystemExit, match=why):
            await run(settings, *wrong)


async def test_a_file_that_comes_twice_at_once_is_one_import(
    committing: Database, api: httpx.AsyncClient
) -> None:
    content = text(*map(person, range(50)))
    both = await asyncio.gather(*(send(api, content, mode="all") for _ in range(4)))
    assert [each["created"] for each in both] == [50] * 4
    assert len({each["id"] for each in both}) == 1
    assert len(await names(committing)) == 50


async def test_an_import_that_fails_time_after_time_has_failed_and_leaves_nothing(
    committing: Database, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write(session: WriteSession, rows: Sequence[Any]) -> Sequence[Written]:
        await written_by_module(session, rows)
        raise OperationalError("", {}, Exception("a deadlock"))

    written_by_module = transfers.PROFILES.write
    monkeypatch.setattr(jobs_of_core, "pause_after", lambda _: timedelta(0))
    with monkeypatch.context() as patched:
        patched.setitem(vars(transfers.PROFILES), "write", write)
        found = await send(api, text(person(1)), mode="all")
    assert (found["state"], found["error"].partition(":")[0]) == ("failed", "OperationalError")
    assert await names(committing) == {}
    assert (await committing.reads.execute(select(OutboxRow.id))).all() == []
    again = await send(api, text(person(1)), mode="all")
    assert (again["state"], again["error"], again["created"]) == ("done", None, 1)


async def test_a_report_of_more_rows_than_a_sheet_has_goes_on_in_the_next_one(
    committing: Database,  # noqa: ARG001 - it is emptied
    api: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reports, "MOST_IN_A_SHEET", 3)
    rows = [person(number, email="none") for number in range(5)]
    found = await send(api, workbook(*rows), mode="partial")
    answer = await api.get(f"{URL}/{found['id']}/report")
    sheets = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets
    assert [sheet.max_row for sheet in sheets] == [3, 3, 2]
    again = await send(api, answer.content, mode="partial")
    assert (again["rows"], again["bad"]) == (5, 5)


class OfDriver(Exception):
    """What a driver raises, by its number or by its SQLSTATE."""

    def __init__(self, number: int, sqlstate: str | None = None) -> None:
        super().__init__(number, "words")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("error", "is_of_values"),
    [
        (Conflict("taken"), True),
        (IntegrityError("", {}, OfDriver(1062)), True),
        (DBAPIError("", {}, OfDriver(0, "22021")), True),
        (DBAPIError("", {}, OfDriver(0, "P0001")), True),
        (OperationalError("", {}, OfDriver(1292)), True),
        (OperationalError("", {}, OfDriver(1644)), True),
        (StatementError("", "", {}, ValueError("no time zone")), True),
        (OverflowError("too large for SQLite"), True),
        (DBAPIError("", {}, OfDriver(0, "40P01")), False),
        (DBAPIError("", {}, OfDriver(0, "57P01")), False),
        (OperationalError("", {}, OfDriver(1213)), False),
        (OperationalError("", {}, Exception("database is locked")), False),
        (DatabaseUnavailable("no connection"), False),
        (TypeError("a mistake of ours"), False),
    ],
)
def test_a_row_is_refused_for_its_values_alone(error: Exception, is_of_values: bool) -> None:
    assert writing.is_of_values(error) is is_of_values
