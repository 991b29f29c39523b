"""A database that is busy, away or lost: the answer comes soon, and says what is known."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from app.core import outbox
from app.core.database import Database
from app.core.engines import DatabaseUnavailable
from app.core.transactions import Writes
from app.settings import Settings
from tests.conftest import connect, serve
from tests.databases import lost_in_commit
from tests.things import URL, draft

SOON = timedelta(milliseconds=100)


@pytest.fixture
def database(committing: Database) -> Database:
    """Real commits: they are what fails here."""
    return committing


def assert_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert "nothing was changed" in answer.json()["detail"]


async def test_who_waits_too_long_for_a_connection_is_told_to_come_again(
    settings: Settings,
) -> None:
    database = Database(settings.database_url, SOON)
    async with serve(settings, database) as app, connect(app) as client:
        async with AsyncExitStack() as all_in_use:
            while await may_write(database, all_in_use):
                pass
            assert_unavailable(await client.post(URL, json=draft()))
            assert (await client.get(URL)).status_code == 200
        assert (await client.post(URL, json={})).status_code == 422


async def may_write(database: Database, stack: AsyncExitStack) -> bool:
    """Begin one more transaction; say whether there was a connection for it."""
    try:
        await stack.enter_async_context(database.writes())
    except DatabaseUnavailable:
        return False
    return True


async def test_a_commit_without_an_answer_is_told_as_one(client: httpx.AsyncClient) -> None:
    with lost_in_commit():
        answer = await client.post(URL, json=draft())
    assert answer.status_code == 500
    assert "not known whether" in answer.json()["detail"]


async def test_a_failure_after_the_commit_claims_nothing_else(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    @app.post("/job")
    async def job(writes: Writes) -> None:
        await outbox.enqueue(writes, "test.unheard")

    app.state.tell = None
    answer = await client.post("/job")
    assert answer.status_code == 500
    assert "was carried out" in answer.json()["detail"]
