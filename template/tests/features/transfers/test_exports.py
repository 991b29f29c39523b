"""Exports as clients see them: one moment of the database, whole, fetched as often as needed."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import delete, select, update

from app.core.database import Database
from app.core.outbox import OutboxRow
from app.features.transfers import settings as own
from app.features.transfers.errors import Stopped
from app.features.transfers.outgoing import exports, files, jobs, making
from app.features.transfers.outgoing.models import EXPORTS, Format
from app.features.transfers.values import read, unescaped
from app.modules.profiles.models import Profile
from app.modules.profiles.transfers import PROFILES, router
from app.settings import Settings
from tests.features.transfers.conftest import (
    NAMES,
    URL,
    add,
    add_awkward,
    asked,
    ended,
    exported,
    row,
)

COLUMNS = list(PROFILES.columns)
OLDEST_FIRST = {"sort": "created_at"}


def rows_of(lines: list[list[Any]]) -> list[dict[str, Any]]:
    """Return the rows of a file's cells as what the columns take."""
    header, *cells = lines
    assert header == COLUMNS
    return [
        {name: read(PROFILES.columns[name], cell) for name, cell in zip(header, line, strict=True)}
        for line in cells
    ]


def csv_lines(content: bytes, delimiter: str = ",") -> list[list[Any]]:
    text = content.decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def sheet_lines(content: bytes) -> list[list[Any]]:
    sheet = openpyxl.load_workbook(io.BytesIO(content), read_only=True).worksheets[0]
    return [
        [unescaped(cell) if isinstance(cell, str) else cell for cell in line]
        for line in sheet.iter_rows(values_only=True)
    ]


def expected(rows: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    return [{name: each.get(name, "none") for name in COLUMNS} for each in rows]


def kept(folder: Path) -> list[Path]:
    """Return every file that there is, also in the making."""
    return sorted(each for each in folder.rglob("*") if each.is_file())


async def test_csv_and_xlsx_give_back_every_value(
    committing: Database, api: httpx.AsyncClient
) -> None:
    rows = expected(await add_awkward(committing))
    assert rows_of(csv_lines(await exported(api, "csv", **OLDEST_FIRST))) == rows
    assert rows_of(sheet_lines(await exported(api, "xlsx", **OLDEST_FIRST))) == rows


async def test_parquet_has_the_types_of_the_columns(
    committing: Database, api: httpx.AsyncClient
) -> None:
    rows = await add_awkward(committing)
    table = pq.read_table(io.BytesIO(await exported(api, "parquet", **OLDEST_FIRST)))
    assert table.column("full_name").to_pylist() == NAMES
    assert table.column("created_at").to_pylist() == [each["created_at"] for each in rows]
    assert table.column("version").to_pylist() == [1] * len(rows)
    assert str(table.schema.field("created_at").type) == "timestamp[us, tz=UTC]"


async def test_no_cell_begins_like_a_formula(committing: Database, api: httpx.AsyncClient) -> None:
    await add_awkward(committing)
    for lines in (csv_lines(await exported(api)), sheet_lines(await exported(api, "xlsx"))):
        texts = [cell for line in lines for cell in line if isinstance(cell, str)]
        assert len(texts) > len(NAMES)
        assert not [text for text in texts if text.lstrip()[:1] in set("=+-@\t\r")]


async def test_a_file_has_the_rows_and_the_order_that_were_asked_for(
    committing: Database, api: httpx.AsyncClient
) -> None:
    await add(committing, row(1, "Ada"), row(2, "Bob", "Letters"), row(3, "Abe", "Letters"))
    found = csv_lines(await exported(api, department="Letters", sort="full_name"))
    assert [line[COLUMNS.index("full_name")] for line in found[1:]] == ["Abe", "Bob"]
    refused = await api.post(URL, json={"query": {"sort": "email"}})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["location"] == "body.query.sort"
    assert (await api.post(URL, json={"query": {"limit": 5}})).status_code == 422


@pytest.mark.parametrize("sort", ["full_name", "-full_name", "-created_at", "employee_number"])
async def test_batches_meet_also_where_rows_are_alike(
    committing: Database, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    await add(committing, *(row(number, "Ada" if number % 3 else "Bob") for number in range(40)))
    monkeypatch.setattr(making, "BATCH", 10)
    listed = (await api.get("/v1/profiles", params={"sort": sort, "limit": 100})).json()["data"]
    header, *lines = csv_lines(await exported(api, sort=sort))
    assert header == COLUMNS
    assert [line[0] for line in lines] == [each["id"] for each in listed["items"]]


async def test_csv_is_as_the_settings_say(
    committing: Database,
    api: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    await add(committing, row(1, "a;b"))
    content = await exported(api)
    assert content.startswith(b"\xef\xbb\xbfid,employee_number,")
    assert content.endswith(b"\r\n")
    monkeypatch.setenv("TRANSFERS_CSV_BOM", "false")
    monkeypatch.setenv("TRANSFERS_CSV_DELIMITER", "semicolon")
    own.configure(settings)
    content = await exported(api)
    assert content.startswith(b"id;employee_number;")
    assert rows_of(csv_lines(content, ";"))[0]["full_name"] == "a;b"


async def test_what_is_written_meanwhile_does_not_show(
    committing: Database, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(committing, *(row(number) for number in range(40)))
    monkeypatch.setattr(making, "BATCH", 10)
    meanwhile = False

    async def write_meanwhile(*_: object) -> None:
        nonlocal meanwhile
        if not meanwhile:
            meanwhile = True
            async with committing.writes() as session:
                await session.execute(update(Profile).values(department="Late"))
                await session.execute(delete(Profile).where(Profile.employee_number > "00020"))
            await add(committing, row(90), row(91))

    monkeypatch.setattr(exports, "require_running", write_meanwhile)
    found = rows_of(csv_lines(await exported(api, **OLDEST_FIRST)))
    assert meanwhile
    assert [each["employee_number"] for each in found] == [f"{n:05}" for n in range(40)]
    assert {each["department"] for each in found} == {"Engines"}
    later = rows_of(csv_lines(await exported(api, **OLDEST_FIRST)))
    assert len(later) == 23


async def test_the_manifest_says_what_the_file_is(
    committing: Database, api: httpx.AsyncClient, folder: Path
) -> None:
    await add(committing, row(1), row(2))
    export = await asked(api, department="Engines")
    found = await ended(api, export)
    content = (await api.get(f"{URL}/{export}/file")).content
    manifest = (await api.get(f"{URL}/{export}/manifest")).json()["data"]
    assert manifest["rows"] == found["rows"] == found["total"] == 2
    assert manifest["columns"] == COLUMNS
    assert manifest["query"] == {"department": "Engines", "sort": "-created_at"}
    assert manifest["bytes"] == len(content)
    assert manifest["sha256"] == hashlib.sha256(content).hexdigest()
    beside, file = kept(folder)
    assert (beside.name, file.name) == ("manifest.json", "profiles.csv")
    assert json.loads(beside.read_text("utf-8")) == manifest


async def test_a_fetch_that_was_interrupted_goes_on(
    committing: Database, api: httpx.AsyncClient
) -> None:
    await add(committing, *(row(number) for number in range(100)))
    export = await asked(api)
    await ended(api, export)
    file = f"{URL}/{export}/file"
    whole = await api.get(file)
    tag, content = whole.headers["ETag"], whole.content
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["Content-Disposition"].startswith('attachment; filename="profiles-')

    async def part(asked_for: str, **more: str) -> httpx.Response:
        return await api.get(file, headers={"Range": asked_for} | more)

    rest = await part("bytes=1000-", **{"If-Range": tag})
    assert (rest.status_code, content[:1000] + rest.content) == (206, content)
    assert rest.headers["Content-Range"] == f"bytes 1000-{len(content) - 1}/{len(content)}"
    assert (await part("bytes=10-19")).content == content[10:20]
    assert (await part("bytes=-7")).content == content[-7:]
    assert (await part("bytes=10-99999999")).content == content[10:]
    for whatever in ("bytes=5-2", "bytes=0-1,5-6", "lines=1-2", "bytes=-"):
        assert (await part(whatever)).status_code == 200
    changed = await part("bytes=1000-", **{"If-Range": '"another"'})
    assert (changed.status_code, changed.content) == (200, content)
    beyond = await part(f"bytes={len(content)}-")
    assert beyond.status_code == 416
    assert beyond.headers["Content-Range"] == f"bytes */{len(content)}"
    assert (await api.get(file, headers={"If-None-Match": tag})).status_code == 304


async def test_an_export_is_cancelled_at_its_next_batch(
    committing: Database, api: httpx.AsyncClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(committing, *(row(number) for number in range(30)))
    monkeypatch.setattr(making, "BATCH", 10)
    begun, go_on = asyncio.Event(), asyncio.Event()
    require_running = exports.require_running

    async def wait(*arguments: Any) -> None:
        begun.set()
        await go_on.wait()
        await require_running(*arguments)

    monkeypatch.setattr(exports, "require_running", wait)
    export = await asked(api)
    await begun.wait()
    assert (await api.get(f"{URL}/{export}/file")).status_code == 409
    assert (await api.get(f"{URL}/{export}")).json()["data"]["total"] == 30
    assert (await api.post(f"{URL}/{export}/cancel")).json()["data"]["state"] == "cancelled"
    go_on.set()
    await nothing_waits(committing)
    assert (await api.post(f"{URL}/{export}/cancel")).status_code == 200
    refused = await api.get(f"{URL}/{export}/file")
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "the export is cancelled, and has no file",
    )
    assert kept(folder) == []


async def test_a_file_expires(committing: Database, api: httpx.AsyncClient, folder: Path) -> None:
    await add(committing, row(1))
    export = await asked(api)
    await ended(api, export)
    assert (await api.post(f"{URL}/{export}/cancel")).status_code == 409
    await backdate(committing, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    gone = await api.get(f"{URL}/{export}/file")
    assert (gone.status_code, gone.headers["Content-Type"]) == (410, "application/problem+json")
    assert kept(folder)
    await exports.forget(committing)
    assert kept(folder) == []
    assert (await api.get(f"{URL}/{export}")).json()["data"]["state"] == "expired"
    assert (await api.get(f"{URL}/{export}/manifest")).status_code == 410
    await backdate(committing, created_at=datetime.now(UTC) - timedelta(days=91))
    await exports.forget(committing)
    assert (await api.get(f"{URL}/{export}")).status_code == 404


async def test_a_file_that_somebody_has_removed_is_gone(
    committing: Database, api: httpx.AsyncClient, folder: Path
) -> None:
    await add(committing, row(1))
    export = await asked(api)
    await ended(api, export)
    _, file = kept(folder)
    file.unlink()
    assert (await api.get(f"{URL}/{export}/file")).status_code == 410


async def test_a_sheet_that_is_full_is_an_error_and_no_short_file(
    committing: Database,
    api: httpx.AsyncClient,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await add(committing, *(row(number) for number in range(4)))
    monkeypatch.setattr(files, "MOST_IN_A_SHEET", 3)
    found = await ended(api, await asked(api, "xlsx"))
    assert found["state"] == "failed"
    assert found["error"].startswith("4 rows: a sheet of XLSX has at most 3")
    assert kept(folder) == []
    await nothing_waits(committing)
    assert len(csv_lines(await exported(api, "csv"))) == 5


async def test_what_an_attempt_has_left_is_removed_and_its_file_is_none(
    committing: Database, api: httpx.AsyncClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(committing, row(1), row(2))
    ready, failed = exports.ready, 0

    async def fail_once(*arguments: Any) -> None:
        nonlocal failed
        failed += 1
        if failed == 1:
            raise OSError("the disk is full")
        await ready(*arguments)

    monkeypatch.setattr(exports, "ready", fail_once)
    monkeypatch.setattr("app.core.jobs.FIRST_PAUSE", timedelta(milliseconds=10))
    export = await asked(api)
    found = await ended(api, export)
    assert (failed, found["state"], found["rows"]) == (2, "ready", 2)
    assert {each.parent.name for each in kept(folder)} == {"2"}


async def test_an_attempt_that_comes_late_makes_nothing_and_removes_nothing(
    committing: Database, settings: Settings, folder: Path
) -> None:
    own.configure(settings)
    await add(committing, row(1))
    async with committing.writes() as session:
        query = PROFILES.query.model_validate({})
        export = (await exports.request(session, PROFILES, Format.CSV, query, None)).id
    late, running = [await exports.begin(committing, export, attempt) for attempt in (1, 2)]
    assert late is not None
    assert running is not None
    await making.make(committing, running)
    with pytest.raises(Stopped):
        await making.make(committing, late)
    assert await exports.begin(committing, export, 2) is None
    assert [each.name for each in kept(folder)] == ["manifest.json", "profiles.csv"]


async def test_after_its_last_attempt_an_export_has_failed(
    committing: Database, api: httpx.AsyncClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(exports, "ready", fail)
    monkeypatch.setattr(jobs, "MOST_ATTEMPTS", 1)
    found = await ended(api, await asked(api))
    assert (found["state"], found["error"]) == ("failed", "OSError: the disk is full")
    await nothing_waits(committing)
    # The file goes after its job.
    async with asyncio.timeout(60):
        while kept(folder):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


async def test_an_export_whose_job_is_dead_has_failed(
    committing: Database, api: httpx.AsyncClient
) -> None:
    export = await asked(api)
    await ended(api, export)
    await nothing_waits(committing)
    await backdate(committing, state="running")
    await exports.forget(committing)
    found = (await api.get(f"{URL}/{export}")).json()["data"]
    assert (found["state"], found["error"]) == ("failed", "its job has ended before it")


async def test_exports_are_listed(committing: Database, api: httpx.AsyncClient) -> None:
    first, second = await asked(api), await asked(api, "xlsx")
    await ended(api, first)
    await ended(api, second)
    page = (await api.get(URL, params={"limit": 1})).json()["data"]
    assert [each["id"] for each in page["items"]] == [second]
    page = (await api.get(URL, params={"limit": 1, "cursor": page["next"]})).json()["data"]
    assert [each["id"] for each in page["items"]] == [first]
    assert (await api.get(URL, params={"state": "failed"})).json()["data"]["items"] == []
    unknown = "00000000-0000-0000-0000-000000000000"
    for path in ("", "/file", "/manifest"):
        assert (await api.get(f"{URL}/{unknown}{path}")).status_code == 404
    await nothing_waits(committing)


def test_every_endpoint_is_one_of_the_module() -> None:
    """Of routers inside the module's, a 405 would not name every method of a path."""
    assert all(isinstance(route, APIRoute) for route in router.routes)


async def backdate(database: Database, **values: object) -> None:
    async with database.writes() as session:
        await session.execute(update(EXPORTS).values(**values))


async def nothing_waits(database: Database) -> None:
    async with asyncio.timeout(60):
        waiting = select(OutboxRow.id)
        while (await database.reads.execute(waiting)).first():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
