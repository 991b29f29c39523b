"""A client that has its answer has its data; a client that has an error has left no trace."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from app.core.database import Database
from app.core.outbox import OutboxRow
from app.core.transactions import Writes
from app.modules.profiles import service
from app.modules.profiles.models import Profile
from app.modules.profiles.schemas import ProfileIn

ADA = {
    "employee_number": "E-1",
    "full_name": "Ada Lovelace",
    "email": "ada@example.com",
    "department": "Engines",
}


@pytest.fixture
def database(committing: Database) -> Database:
    """Real commits: they are what is tested here."""
    return committing


async def count(database: Database, table: type[Profile | OutboxRow]) -> int:
    return (await database.reads.execute(select(func.count()).select_from(table))).scalar_one()


async def test_the_row_is_committed_before_the_answer_arrives(
    client: httpx.AsyncClient, database: Database
) -> None:
    assert (await client.post("/v1/profiles", json=ADA)).status_code == 201
    assert await count(database, Profile) == 1


async def test_a_failing_commit_is_a_500_and_leaves_no_row(
    client: httpx.AsyncClient, database: Database
) -> None:
    def fail(_: Session) -> None:
        raise OSError("the disk is full")

    event.listen(Session, "before_commit", fail)
    try:
        answer = await client.post("/v1/profiles", json=ADA)
    finally:
        event.remove(Session, "before_commit", fail)
    assert answer.status_code == 500
    assert await count(database, Profile) == 0


async def test_an_error_after_the_write_rolls_it_back_with_its_jobs(
    app: FastAPI, client: httpx.AsyncClient, database: Database, picture: bytes
) -> None:
    @app.post("/half")
    async def half(writes: Writes) -> None:
        profile = await service.create(writes, ProfileIn(**ADA))
        await service.upload_headshot(writes, profile.id, picture)
        raise RuntimeError("too late")

    assert (await client.post("/half")).status_code == 500
    assert await count(database, Profile) == 0
    assert await count(database, OutboxRow) == 0


async def test_a_read_sees_what_others_have_committed_meanwhile(database: Database) -> None:
    reads = database.reads
    counting = select(func.count()).select_from(Profile)
    assert (await reads.execute(counting)).scalar_one() == 0
    async with database.writes() as session:
        await service.create(session, ProfileIn(**ADA))
    assert (await reads.execute(counting)).scalar_one() == 1


@pytest.mark.parametrize("number", [2, 64])
async def test_many_clients_at_once_all_get_their_answer(
    client: httpx.AsyncClient, database: Database, number: int
) -> None:
    async def create(index: int) -> int:
        answer = await client.post("/v1/profiles", json=ADA | {"employee_number": f"E-{index}"})
        return answer.status_code

    assert set(await asyncio.gather(*map(create, range(number)))) == {201}
    assert await count(database, Profile) == number
