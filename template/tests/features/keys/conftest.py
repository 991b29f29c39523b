"""What tests of keys stand on: settings of their own, and a clock that goes by the rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.core.database import Database
from app.features.keys import process
from app.features.keys.keyset import forget
from app.features.keys.models import KEYS
from app.settings import Settings

Later = Callable[[timedelta], Awaitable[None]]


@pytest.fixture(autouse=True)
def configured(settings: Settings) -> None:
    """Go by the settings of the test, and know no key of another one."""
    process.configure(settings)
    forget()


async def age(database: Database, by: timedelta) -> None:
    """Let every key have its state for so much longer."""
    async with database.writes() as session:
        for kid, since in (await session.execute(select(KEYS.c.kid, KEYS.c.since))).all():
            await session.execute(update(KEYS).where(KEYS.c.kid == kid).values(since=since - by))
    forget()


@pytest.fixture
def later(database: Database) -> Later:
    """Let time pass for the keys of the database."""

    async def pass_(by: timedelta) -> None:
        await age(database, by)

    return pass_
