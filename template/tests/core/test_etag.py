"""What a client has seen decides what it gets, and what it may change."""

from __future__ import annotations

import asyncio
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, Response
from sqlalchemy import delete, event, update
from sqlalchemy.orm import ORMExecuteState

from app.core.database import Database, WriteSession
from app.core.envelope import SuccessModel
from app.core.errors import PreconditionFailed
from app.core.etag import ExpectedVersions, IfMatch, require_change
from app.core.transactions import Writes
from app.settings import Settings
from tests.conftest import connect, serve
from tests.things import URL, draft, service
from tests.things.models import Thing
from tests.things.service import ThingIn, ThingOut


async def replace(
    session: WriteSession, thing_id: UUID, draft: ThingIn, seen: ExpectedVersions
) -> ThingOut:
    """Replace a thing that was seen, as a module's service does."""
    thing = await service.get(session, thing_id)
    seen.require(thing.version)
    as_seen = update(Thing).where(Thing.id == thing_id, Thing.version == thing.version)
    changed = {**draft.model_dump(), "version": thing.version + 1}
    require_change(await session.execute(as_seen.values(changed)))
    return thing.model_copy(update=changed)


@pytest.fixture
def app(app: FastAPI) -> FastAPI:
    """An api that changes and deletes what was seen."""
    add_changes(app)
    return app


def add_changes(app: FastAPI) -> None:
    @app.put(URL + "/{thing_id}")
    async def put(
        thing_id: UUID, draft: ThingIn, writes: Writes, seen: IfMatch, response: Response
    ) -> SuccessModel[ThingOut]:
        thing = await replace(writes, thing_id, draft, seen)
        response.headers["ETag"] = thing.etag
        return SuccessModel(data=thing)

    @app.delete(URL + "/{thing_id}", status_code=204)
    async def remove(thing_id: UUID, writes: Writes, seen: IfMatch) -> None:
        seen.require((await service.get(writes, thing_id)).version)
        await writes.execute(delete(Thing).where(Thing.id == thing_id))


@pytest.fixture
async def path(client: httpx.AsyncClient) -> str:
    """The path of a thing at version 1."""
    return str((await client.post(URL, json=draft())).headers["location"])


async def test_every_answer_about_one_thing_carries_its_tag(
    client: httpx.AsyncClient, path: str
) -> None:
    read = await client.get(path)
    assert read.headers["etag"] == '"1-0"'
    replaced = await client.put(path, json=draft(), headers={"If-Match": '"1-0"'})
    # The same again is a change too, for its `updated_at`.
    assert replaced.headers["etag"] == '"2-0"'
    assert replaced.json()["data"]["version"] == 2


@pytest.mark.parametrize("has", ['"1-0"', 'W/"1-0"', '"0-0", "1-0"', "*"])
async def test_what_the_client_has_is_not_sent_again(
    client: httpx.AsyncClient, path: str, has: str
) -> None:
    answer = await client.get(path, headers={"If-None-Match": has})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == '"1-0"'


@pytest.mark.parametrize("has", ['"2-0"', '"1"', '"1-1"', "1-0", ""])
async def test_what_it_has_not_is_sent(client: httpx.AsyncClient, path: str, has: str) -> None:
    assert (await client.get(path, headers={"If-None-Match": has})).status_code == 200


async def test_the_tag_of_a_read_changes_with_what_a_job_does(
    client: httpx.AsyncClient, path: str
) -> None:
    await client.post(f"{path}/weighings")
    known = {"If-None-Match": '"1-0"'}
    async with asyncio.timeout(300):
        # As clients do.
        while (await client.get(path, headers=known)).status_code == 304:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    # But a job that ended meanwhile does not stand in the way of a change.
    assert (await client.put(path, json=draft(), headers={"If-Match": '"1-0"'})).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_change_must_say_what_it_has_seen(
    client: httpx.AsyncClient, path: str, method: str
) -> None:
    answer = await client.request(method, path, json=draft())
    assert answer.status_code == 428
    assert "If-Match" in answer.json()["detail"]


@pytest.mark.parametrize("seen", ['"0-0"', '"2-0"', 'W/"1-0"', "1", "", '"x"', '"1'])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_change_of_what_was_not_seen_is_refused(
    client: httpx.AsyncClient, path: str, method: str, seen: str
) -> None:
    answer = await client.request(method, path, json=draft(), headers={"If-Match": seen})
    assert answer.status_code == 412
    assert (await client.get(path)).headers["etag"] == '"1-0"'


@pytest.mark.parametrize("seen", ['"1-0"', '"7-0", "1-1"', '"1"', "*", " * "])
async def test_a_change_of_what_was_seen_is_made(
    client: httpx.AsyncClient, path: str, seen: str
) -> None:
    assert (await client.delete(path, headers={"If-Match": seen})).status_code == 204


async def test_of_changes_at_the_same_time_one_is_made(
    settings: Settings, committing: Database
) -> None:
    async with serve(settings, committing) as app, connect(app) as client:
        add_changes(app)
        path = (await client.post(URL, json=draft())).headers["location"]

        async def change(kind: str) -> int:
            body = draft(kind=kind)
            return (await client.put(path, json=body, headers={"If-Match": '"1"'})).status_code

        codes = await asyncio.gather(*map(change, "ABCDEFGH"))
        assert sorted(codes) == [200] + [412] * 7
        assert (await client.get(path)).json()["data"]["version"] == 2


def change_before_an_update(execution: ORMExecuteState) -> None:
    """Be faster than the UPDATE that has read what it changes."""
    if execution.is_update:
        execution.session.connection().execute(update(Thing).values(version=5))


async def test_a_change_between_reading_and_writing_is_noticed(database: Database) -> None:
    """`*` has seen nothing, so only the statement that writes can notice."""
    asked = ThingIn(**draft())
    async with database.writes() as session:
        thing = await service.create(session, asked)
        event.listen(session.sync_session, "do_orm_execute", change_before_an_update)
        with pytest.raises(PreconditionFailed):
            await replace(session, thing.id, asked, ExpectedVersions(None))
        await session.rollback()
