"""What tests of transfers stand on: an api that does its jobs, and rows that are awkward."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import insert

from app.core.database import Database, table_of
from app.features.transfers import settings as own
from app.modules.profiles.models import Profile
from app.settings import Settings
from tests.conftest import connect, serve

PROFILES = table_of(Profile)
URL = "/v1/exports/profiles"
BEGAN = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
UNFINISHED = ("queued", "running")
# What spreadsheets take for something else, and what files are made of. A server may know no more
# letters than these; test_values.py has others.
NAMES = [
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
    "-1+1",
    "'quoted",
    'say "so", twice; or not',
    "Zoë Müller",
    "<r><t>x</t></r>",
    "_x0041_",
    "0012",
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRANSFERS_FOLDER", str(tmp_path / "transfers"))
    return tmp_path / "transfers"


@pytest.fixture
async def served(
    settings: Settings,
    committing: Database,
    folder: Path,  # noqa: ARG001 - where its files are
) -> AsyncIterator[FastAPI]:
    """The api with real commits: what is exported must have been committed."""
    async with serve(settings, committing) as app:
        yield app


@pytest.fixture
async def api(served: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(served) as client:
        yield client


@pytest.fixture
def configured(settings: Settings, folder: Path) -> None:  # noqa: ARG001
    """Go by the settings of the test, without an api."""
    own.configure(settings)


def row(number: int, name: str = "Ada", department: str = "Engines") -> dict[str, object]:
    at = BEGAN + timedelta(seconds=number)
    return {
        "id": UUID(int=number),
        "employee_number": f"{number:05}",
        "full_name": name,
        "name_key": name[:100],
        "email": f"ada{number}@example.com",
        "department": department,
        "created_at": at,
        "updated_at": at,
        "version": 1,
    }


async def add(database: Database, *rows: dict[str, object]) -> None:
    async with database.writes() as session:
        await session.execute(insert(PROFILES), list(rows))


async def add_awkward(database: Database) -> Sequence[dict[str, object]]:
    rows = [row(number, name) for number, name in enumerate(NAMES)]
    await add(database, *rows)
    return rows


async def ended(client: httpx.AsyncClient, export: str) -> dict[str, Any]:
    """Wait until an export has ended, and return what is said of it."""
    async with asyncio.timeout(60):
        while True:
            found: dict[str, Any] = (await client.get(f"{URL}/{export}")).json()["data"]
            if found["state"] not in UNFINISHED:
                return found
            await asyncio.sleep(0.02)


async def asked(client: httpx.AsyncClient, format_: str = "csv", **query: str) -> str:
    answer = await client.post(URL, json={"format": format_, "query": query})
    assert answer.status_code == 201, answer.text
    export: str = answer.json()["data"]["id"]
    assert answer.headers["Location"] == f"{URL}/{export}"
    return export


async def exported(client: httpx.AsyncClient, format_: str = "csv", **query: str) -> bytes:
    """Ask for an export, and return its file."""
    export = await asked(client, format_, **query)
    found = await ended(client, export)
    assert found["state"] == "ready", found
    answer = await client.get(f"{URL}/{export}/file")
    assert answer.status_code == 200, answer.text
    return answer.content
