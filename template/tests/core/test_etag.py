"""What a client has seen decides what it gets, and what it may change."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from sqlalchemy import event, update
from sqlalchemy.orm import ORMExecuteState

from app.core.database import Database
from app.core.errors import PreconditionFailed
from app.core.etag import ExpectedVersions
from app.modules.profiles import service
from app.modules.profiles.models import Profile
from app.modules.profiles.schemas import ProfileIn
from app.settings import Settings
from tests.conftest import connect, serve

ADA = {
    "employee_number": "E-1",
    "full_name": "Ada Lovelace",
    "email": "ada@example.com",
    "department": "Engines",
}


@pytest.fixture
async def path(client: httpx.AsyncClient) -> str:
    """The path of a profile at version 1."""
    return str((await client.post("/v1/profiles", json=ADA)).headers["location"])


async def test_every_answer_about_one_profile_carries_its_tag(
    client: httpx.AsyncClient, path: str
) -> None:
    read = await client.get(path)
    assert read.headers["etag"] == '"1-none"'
    replaced = await client.put(path, json=ADA, headers={"If-Match": '"1-none"'})
    # The same again is a change too, for its `updated_at`.
    assert replaced.headers["etag"] == '"2-none"'
    assert replaced.json()["data"]["version"] == 2


@pytest.mark.parametrize("has", ['"1-none"', 'W/"1-none"', '"0-none", "1-none"', "*"])
async def test_what_the_client_has_is_not_sent_again(
    client: httpx.AsyncClient, path: str, has: str
) -> None:
    answer = await client.get(path, headers={"If-None-Match": has})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == '"1-none"'


@pytest.mark.parametrize("has", ['"2-none"', '"1"', '"1-ready"', "1-none", ""])
async def test_what_it_has_not_is_sent(client: httpx.AsyncClient, path: str, has: str) -> None:
    assert (await client.get(path, headers={"If-None-Match": has})).status_code == 200


async def test_the_tag_of_a_read_changes_with_the_headshot(
    client: httpx.AsyncClient, path: str, picture: bytes
) -> None:
    await client.put(f"{path}/headshot", files={"image": picture})
    answer = await client.get(path, headers={"If-None-Match": '"1-none"'})
    assert answer.status_code == 200
    # But a job that ended meanwhile does not stand in the way of a change.
    assert (await client.put(path, json=ADA, headers={"If-Match": '"1-none"'})).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_change_must_say_what_it_has_seen(
    client: httpx.AsyncClient, path: str, method: str
) -> None:
    answer = await client.request(method, path, json=ADA)
    assert answer.status_code == 428
    assert "If-Match" in answer.json()["detail"]


@pytest.mark.parametrize("seen", ['"0-none"', '"2-none"', 'W/"1-none"', "1", "", '"x"', '"1'])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_change_of_what_was_not_seen_is_refused(
    client: httpx.AsyncClient, path: str, method: str, seen: str
) -> None:
    answer = await client.request(method, path, json=ADA, headers={"If-Match": seen})
    assert answer.status_code == 412
    assert (await client.get(path)).headers["etag"] == '"1-none"'


@pytest.mark.parametrize("seen", ['"1-none"', '"7-none", "1-ready"', '"1"', "*", " * "])
async def test_a_change_of_what_was_seen_is_made(
    client: httpx.AsyncClient, path: str, seen: str
) -> None:
    assert (await client.delete(path, headers={"If-Match": seen})).status_code == 204


async def test_of_changes_at_the_same_time_one_is_made(
    settings: Settings, committing: Database
) -> None:
    async with serve(settings, committing) as app, connect(app) as client:
        path = (await client.post("/v1/profiles", json=ADA)).headers["location"]

        async def replace(department: str) -> int:
            body = ADA | {"department": department}
            return (await client.put(path, json=body, headers={"If-Match": '"1"'})).status_code

        codes = await asyncio.gather(*map(replace, "ABCDEFGH"))
        assert sorted(codes) == [200] + [412] * 7
        assert (await client.get(path)).json()["data"]["version"] == 2


def change_before_an_update(execution: ORMExecuteState) -> None:
    """Be faster than the UPDATE that has read what it changes."""
    if execution.is_update:
        execution.session.connection().execute(update(Profile).values(version=5))


async def test_a_change_between_reading_and_writing_is_noticed(database: Database) -> None:
    """`*` has seen nothing, so only the statement that writes can notice."""
    draft = ProfileIn(**ADA)
    async with database.writes() as session:
        profile = await service.create(session, draft)
        event.listen(session.sync_session, "do_orm_execute", change_before_an_update)
        with pytest.raises(PreconditionFailed):
            await service.replace(session, profile.id, draft, ExpectedVersions(None))
        await session.rollback()
