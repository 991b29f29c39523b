"""Reads see what is committed by then, and transactions of many wait for each other."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from sqlalchemy import func, select

from app.core.database import Database
from tests.test_promises import count
from tests.things import URL, draft, service
from tests.things.models import Thing
from tests.things.service import ThingIn


@pytest.fixture
def database(committing: Database) -> Database:
    """Real commits: they are what is tested here."""
    return committing


async def test_a_read_sees_what_others_have_committed_meanwhile(database: Database) -> None:
    reads = database.reads
    counting = select(func.count()).select_from(Thing)
    assert (await reads.execute(counting)).scalar_one() == 0
    async with database.writes() as session:
        await service.create(session, ThingIn(**draft()))
    assert (await reads.execute(counting)).scalar_one() == 1


@pytest.mark.parametrize("number", [2, 64])
async def test_many_clients_at_once_all_get_their_answer(
    client: httpx.AsyncClient, database: Database, number: int
) -> None:
    async def create(index: int) -> int:
        answer = await client.post(URL, json=draft(index))
        return answer.status_code

    assert set(await asyncio.gather(*map(create, range(number)))) == {201}
    assert await count(database, Thing) == number
