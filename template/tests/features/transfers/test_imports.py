"""Imports as clients see them: what is good is written by the mode, and the rest is told."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from typing import Any

import httpx
import openpyxl
from sqlalchemy import select

from app.core.database import Database
from app.modules.profiles.models import Profile
from tests.features.transfers.conftest import PROFILES, add, add_awkward, exported, row

URL = "/v1/imports/profiles"
HEADER = ("employee_number", "full_name", "email", "department")


def text(*rows: Sequence[object], header: Sequence[str] = HEADER, delimiter: str = ",") -> bytes:
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=delimiter).writerows([header, *rows])
    return target.getvalue().encode()


def workbook(*rows: Sequence[object], header: Sequence[str] = HEADER) -> bytes:
    book = openpyxl.Workbook()
    for each in (header, *rows):
        book.active.append(list(each))
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
