"""What tests of periods stand on: profiles of two years, the desk, and a folder for dumps."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Table, delete, func, insert, select, update

from app.commands import periods as command
from app.core.database import Database, table_of
from app.features.periods import closing, desk_commands
from app.features.periods.models import GATE, PERIODS
from app.features.periods.states import Period
from app.modules.profiles.models import Headshot, Profile
from app.settings import Settings
from tests.databases import empty_database

PROFILES, HEADSHOTS = table_of(Profile), table_of(Headshot)
Desk = Callable[..., Awaitable[str]]
ADA = ("--by", "Ada", "--because", "the end of the year")
BOB = ("--by", "Bob", "--because", "a bill was forgotten")


def row(day: int, year: int = 2025, **more: object) -> dict[str, Any]:
    at = datetime(year, 3, day, 12, tzinfo=UTC)
    texts = dict.fromkeys(("full_name", "name_key", "email", "department"), "Ada")
    texts["employee_number"] = uuid4().hex[:20]
    return {"id": uuid4(), "created_at": at, "updated_at": at, "version": 1, **texts, **more}


def headshot(profile_id: object) -> dict[str, object]:
    image = {"image": b"image", "thumbnail": b"thumbnail", "media_type": "image/png"}
    return {"profile_id": profile_id, "version": uuid4(), **image}


async def add(database: Database, *rows: dict[str, object]) -> None:
    """Add profiles, each with a headshot."""
    async with database.writes() as session:
        await session.execute(insert(PROFILES), list(rows))
        await session.execute(insert(HEADSHOTS), [headshot(each["id"]) for each in rows])


async def ids(database: Database) -> set[UUID]:
    return set((await database.reads.execute(select(Profile.id))).scalars())


async def number(database: Database, table: Table) -> int:
    return int((await database.reads.execute(select(func.count()).select_from(table))).scalar_one())


@pytest.fixture
def dumps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PERIODS_FOLDER", str(tmp_path / "dumps"))
    return tmp_path / "dumps"


@pytest.fixture
async def thawed(committing: Database) -> AsyncIterator[Database]:
    """The database, in which nothing is frozen any more when it is emptied."""
    async with committing.writes() as session:
        await session.execute(delete(GATE))
        await session.execute(insert(GATE), {"id": 1, "version": 0})
    yield committing
    async with committing.writes() as session:
        await session.execute(update(PERIODS).values(state="open"))


@pytest.fixture
def empty_url(tmp_path: Path) -> Iterator[str]:
    with empty_database(tmp_path) as url:
        yield url


@pytest.fixture
def desk(
    thawed: Database,  # noqa: ARG001 - what the desk works on
    dumps: Path,  # noqa: ARG001 - and where
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> Desk:
    """What `python -m app periods …` prints."""

    async def asked(*words: str) -> str:
        parser = ArgumentParser()
        command.declare(parser)
        await desk_commands.serve(parser.parse_args(words), settings)
        return capsys.readouterr().out

    return asked


@pytest.fixture
async def year(thawed: Database, desk: Desk) -> Callable[[], Awaitable[Period]]:
    """2025 is a period, which is open and has rows, and 2024 is none; returns what reads it."""
    await add(thawed, *(row(day) for day in range(1, 29)), *(row(day, 2024) for day in (1, 2)))
    await desk("open", "2025", *ADA)
    return lambda: closing.find(thawed.reads, "2025")


def manifest_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
    return found


def files_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
