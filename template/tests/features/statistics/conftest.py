"""What tests of statistics stand on: days of a zone with summer time, and a direct query."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, insert

from app.core.database import Database, table_of
from app.features.statistics import settings as own
from app.features.statistics.declared import Cell, Numbers
from app.features.statistics.models import MARKS
from app.modules.profiles.models import Profile
from app.modules.profiles.statistics import CREATED
from app.settings import Settings

ZONE = ZoneInfo("Europe/Berlin")
TODAY = date(2026, 4, 10)
PROFILES = table_of(Profile)


@pytest.fixture(autouse=True)
def configured(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Go by the settings of the test, where the business is in a zone with summer time."""
    monkeypatch.setenv("BUSINESS_TIME_ZONE", ZONE.key)
    own.configure(settings)
    yield
    monkeypatch.undo()
    own.configure(settings)


@pytest.fixture
async def committing(committing: Database) -> Database:
    """The database without marks of rows that were there for tests before."""
    async with committing.writes() as session:
        await session.execute(delete(MARKS))
    return committing


def row(at: datetime, department: str = "Engines") -> dict[str, object]:
    number = uuid4().hex[:20]
    return {
        "id": uuid4(),
        "employee_number": number,
        "full_name": "Ada",
        "name_key": "ada",
        "email": "ada@example.com",
        "department": department,
        "created_at": at,
        "updated_at": at,
        "version": 1,
    }


def at(day: int, hour: int = 12, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=ZONE).astimezone(UTC)


async def add(database: Database, *rows: dict[str, object]) -> None:
    async with database.writes() as session:
        await session.execute(insert(PROFILES), list(rows))


async def direct(database: Database, days: list[date]) -> dict[Cell, Numbers]:
    """Count without anything that is kept."""
    rows = (await database.reads.execute(CREATED.counting(days, ZONE))).all()
    return CREATED.cells(rows, days)
