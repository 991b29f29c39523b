"""A creation that is sent again has one effect, and gets its first answer again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from app.core.database import Database
from app.core.envelope import SuccessModel
from app.core.transactions import Writes
from app.features.idempotency import response_store
from app.features.idempotency.dependency import REPLAYED, idempotent
from app.features.idempotency.response_store import AnswerRow
from app.settings import Settings
from tests.conftest import COUNTED, connect, serve
from tests.databases import lost_in_commit
from tests.things import URL, draft
from tests.things.models import Thing

KEY = {"Idempotency-Key": "order-1"}


async def count(database: Database, table: type[Thing | AnswerRow]) -> int:
    return (await database.reads.execute(select(func.count()).select_from(table))).scalar_one()


async def test_the_same_request_gets_the_same_answer_and_has_one_effect(
    client: httpx.AsyncClient, database: Database
) -> None:
    first = await client.post(URL, json=draft(), headers=KEY)
    again = await client.post(URL, json=draft(), headers=KEY)
    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers[REPLAYED] == "true"
    assert REPLAYED not in first.headers
    assert await count(database, Thing) == 1


async def test_an_answer_under_a_key_is_like_one_without(client: httpx.AsyncClient) -> None:
    plain = await client.post(URL, json=draft(1))
    keyed = await client.post(URL, json=draft(2), headers=KEY)
    assert plain.json().keys() == keyed.json().keys()
    assert plain.json()["data"].keys() == keyed.json()["data"].keys()
    assert plain.headers.keys() == keyed.headers.keys()


async def test_the_openapi_knows_the_key_and_the_endpoint_behind_it(
    client: httpx.AsyncClient,
) -> None:
    operation = (await client.get("/openapi.json")).json()["paths"][URL]["post"]
    assert [each["name"] for each in operation["parameters"]] == ["idempotency-key"]
    assert "ThingIn" in str(operation["requestBody"])
    assert "ThingOut" in str(operation["responses"]["201"])


async def test_what_creates_nothing_knows_no_key(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    named = {
        (path, method)
        for path, operations in paths.items()
        for method, operation in operations.items()
        if path.startswith(URL) and "idempotency-key" in str(operation.get("parameters"))
    }
    assert named == {(URL, "post")}


async def test_a_creation_under_a_key_costs_two_statements_more(
    client: httpx.AsyncClient, statements: list[str]
) -> None:
    counted = KEY | {"X-Request-ID": COUNTED}
    await client.post(URL, json=draft(), headers=counted)
    assert len(statements) == 3, statements
    statements.clear()
    assert (await client.post(URL, json=draft(), headers=counted)).status_code == 201
    assert len(statements) == 2, statements


async def test_who_has_a_key_is_told_to_repeat_what_nobody_knows_the_end_of(
    committed_client: httpx.AsyncClient,
) -> None:
    with lost_in_commit():
        answer = await committed_client.post(URL, json=draft(), headers=KEY)
    assert answer.status_code == 500
    assert "the same Idempotency-Key" in answer.json()["detail"]


async def test_another_request_under_the_same_key_is_refused(
    client: httpx.AsyncClient, database: Database
) -> None:
    await client.post(URL, json=draft(1), headers=KEY)
    other = await client.post(URL, json=draft(2), headers=KEY)
    assert other.status_code == 422
    assert other.json()["errors"][0]["location"] == "header.Idempotency-Key"
    assert await count(database, Thing) == 1


async def test_how_the_body_is_written_does_not_make_it_another(client: httpx.AsyncClient) -> None:
    await client.post(URL, json=draft(), headers=KEY)
    backwards = dict(reversed(draft().items()))
    again = await client.post(URL, json=backwards, headers=KEY)
    assert again.headers[REPLAYED] == "true"


async def test_failures_are_not_kept(client: httpx.AsyncClient, database: Database) -> None:
    await client.post(URL, json=draft(1))
    assert (await client.post(URL, json=draft(1), headers=KEY)).status_code == 409
    assert (await client.post(URL, json={}, headers=KEY)).status_code == 422
    assert await count(database, AnswerRow) == 0
    assert (await client.post(URL, json=draft(2), headers=KEY)).status_code == 201


@pytest.mark.parametrize("key", ["", "has space", "x" * 256, "é".encode()])
async def test_a_key_that_is_none_is_refused(client: httpx.AsyncClient, key: str | bytes) -> None:
    answer = await client.post(URL, json=draft(), headers={b"Idempotency-Key": _raw(key)})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"] == "header.idempotency-key"


def _raw(key: str | bytes) -> bytes:
    return key if isinstance(key, bytes) else key.encode()


async def test_a_key_counts_for_one_endpoint_and_one_caller(
    app: FastAPI, client: httpx.AsyncClient, database: Database
) -> None:
    @app.post("/other", status_code=202)
    @idempotent
    # A session to write is what it asks for.
    async def other(text: str, writes: Writes) -> SuccessModel[str]:  # noqa: ARG001
        return SuccessModel(data=text)

    async def known(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["caller"] = Headers(scope=scope)["x-caller"]
        await app(scope, receive, send)

    first = await client.post("/other?text=a", json=None, headers=KEY)
    assert (first.status_code, first.json()["data"]) == (202, "a")
    assert (await client.post(URL, json=draft(1), headers=KEY)).status_code == 201
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(known), base_url="http://test"
    ) as callers:
        grace = KEY | {"X-Caller": "grace"}
        assert (await callers.post(URL, json=draft(2), headers=grace)).status_code == 201
        assert REPLAYED in (await callers.post(URL, json=draft(2), headers=grace)).headers
    assert await count(database, Thing) == 2


async def test_what_has_expired_is_forgotten(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDEMPOTENCY_LIFETIME", "PT0S")
    async with serve(settings, database) as app, connect(app) as client:
        assert (await client.post(URL, json=draft(1), headers=KEY)).status_code == 201
        assert (await client.post(URL, json=draft(2), headers=KEY)).status_code == 201
    assert await count(database, AnswerRow) == 1
    assert await response_store.delete_expired(database) == 1
    assert await count(database, AnswerRow) == 0


async def test_what_has_expired_is_deleted_meanwhile_and_nothing_else(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(settings, database) as app, connect(app) as client:
        await client.post(URL, json=draft(1), headers={"Idempotency-Key": "lasting"})
    monkeypatch.setenv("IDEMPOTENCY_LIFETIME", "PT0S")
    monkeypatch.setenv("IDEMPOTENCY_CLEANING", "PT0.01S")
    async with serve(settings, database) as app, connect(app) as client:
        await client.post(URL, json=draft(2), headers=KEY)
        for _ in range(200):
            if await count(database, AnswerRow) == 1:
                break
            await asyncio.sleep(0.02)
    assert await count(database, AnswerRow) == 1


@pytest.fixture
async def committed_client(
    settings: Settings, committing: Database
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an api with real commits, which alone can compete."""
    async with serve(settings, committing) as app, connect(app) as client:
        yield client


async def test_duplicates_at_the_same_time_have_one_effect(
    committed_client: httpx.AsyncClient, committing: Database
) -> None:
    async def post() -> httpx.Response:
        return await committed_client.post(URL, json=draft(), headers=KEY)

    found = await asyncio.gather(*(post() for _ in range(16)))
    assert {answer.status_code for answer in found} == {201}
    assert len({answer.content for answer in found}) == 1
    assert sum(REPLAYED in answer.headers for answer in found) == 15
    assert await count(committing, Thing) == 1


async def test_duplicates_of_a_failure_all_fail_and_leave_nothing(
    committed_client: httpx.AsyncClient, committing: Database
) -> None:
    await committed_client.post(URL, json=draft())

    async def post() -> httpx.Response:
        return await committed_client.post(URL, json=draft(), headers=KEY)

    found = await asyncio.gather(*(post() for _ in range(8)))
    assert {answer.status_code for answer in found} == {409}
    assert await count(committing, AnswerRow) == 0


async def test_a_claim_that_cannot_be_waited_for_says_when_to_come_again(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def contended(*_: object) -> None:
        raise response_store.Contended

    monkeypatch.setattr(response_store, "claim", contended)
    answer = await client.post(URL, json=draft(), headers=KEY)
    assert answer.status_code == 409
    assert int(answer.headers["retry-after"]) > 0
