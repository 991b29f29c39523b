"""What the framework promises to every module, whatever is changed in `app/core`.

A client that has its answer has its data. One that has an error has left no trace. A job takes
effect once. Every failure is a problem document, and what is too much is refused.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from app.core import jobs, outbox
from app.core.database import Database
from app.core.errors import MEDIA_TYPE
from app.core.outbox import Claimant, Job, OutboxRow, Queue
from app.core.transactions import Writes
from app.settings import Settings
from tests.databases import lost_in_commit
from tests.things import URL, draft, service
from tests.things.jobs import WEIGH
from tests.things.models import Thing
from tests.things.service import ThingIn

MINUTE = timedelta(minutes=1)


@pytest.fixture
def database(committing: Database) -> Database:
    """Real commits: they are what is promised."""
    return committing


async def count(database: Database, table: type[Thing | OutboxRow]) -> int:
    return (await database.reads.execute(select(func.count()).select_from(table))).scalar_one()


def assert_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    document = answer.json()
    assert document["status"] == status
    assert document["instance"] == answer.request.url.path
    assert document["correlation_id"] == answer.headers["x-request-id"]


# -- transactions ----------------------------------------------------------------------------------


async def test_what_is_answered_is_committed(client: httpx.AsyncClient, database: Database) -> None:
    assert (await client.post(URL, json=draft())).status_code == 201
    assert await count(database, Thing) == 1


async def test_a_commit_that_fails_is_an_error_and_leaves_nothing(
    app: FastAPI, client: httpx.AsyncClient, database: Database
) -> None:
    with_its_job(app)
    with lost_in_commit():
        answer = await client.post("/with-its-job")
    assert_problem(answer, 500)
    assert await count(database, Thing) == await count(database, OutboxRow) == 0


async def test_an_error_after_the_writing_leaves_nothing(
    app: FastAPI, client: httpx.AsyncClient, database: Database
) -> None:
    with_its_job(app, RuntimeError("too late"))
    assert_problem(await client.post("/with-its-job"), 500)
    assert await count(database, Thing) == await count(database, OutboxRow) == 0


def with_its_job(app: FastAPI, error: Exception | None = None) -> None:
    """Give the api an endpoint that writes a row and a job, and may fail then."""

    @app.post("/with-its-job")
    async def write(writes: Writes) -> None:
        thing = await service.create(writes, ThingIn(**draft()))
        await outbox.enqueue(writes, WEIGH, thing_id=thing.id)
        if error is not None:
            raise error


# -- jobs ------------------------------------------------------------------------------------------


async def test_a_job_that_is_asked_for_is_done(client: httpx.AsyncClient) -> None:
    path = (await client.post(URL, json=draft())).headers["location"]
    assert (await client.post(f"{path}/weighings")).status_code == 202
    async with asyncio.timeout(60):
        # As clients do.
        while (await client.get(path)).json()["data"]["weighings"] == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_job_takes_effect_once_however_often_it_is_delivered(database: Database) -> None:
    thing_id = await created(database)
    job = await taken(database, thing_id=thing_id)
    await asyncio.gather(*(jobs.run(database, job) for _ in range(4)))
    await jobs.run(database, job)
    assert (await service.get(database.reads, thing_id)).weighings == 1
    assert await count(database, OutboxRow) == 0


async def test_an_attempt_that_fails_leaves_no_effect_and_its_job_is_tried_again(
    database: Database,
) -> None:
    thing_id = await created(database)
    job = await taken(database, thing_id=thing_id)
    with lost_in_commit():
        await asyncio.gather(jobs.run(database, job), return_exceptions=True)
    assert (await service.get(database.reads, thing_id)).weighings == 0
    assert await count(database, OutboxRow) == 1
    await jobs.run(database, job)
    assert (await service.get(database.reads, thing_id)).weighings == 1


async def test_a_job_that_cannot_be_done_is_kept_with_its_error(database: Database) -> None:
    await jobs.run(database, await taken(database, thing_id="no id"))
    kept = (await database.reads.execute(select(OutboxRow.error, OutboxRow.attempts))).one()
    assert "ValidationError" in str(kept.error)
    assert kept.attempts == 1


async def created(database: Database) -> UUID:
    async with database.writes() as session:
        return (await service.create(session, ThingIn(**draft()))).id


async def taken(database: Database, **arguments: object) -> Job:
    """Ask for a weighing, and claim its job."""
    async with database.writes() as session:
        await outbox.enqueue(session, WEIGH, **arguments)
        claimant = Claimant(tuple(Queue), [WEIGH], MINUTE)
        (job,) = await outbox.claim(session, claimant, 1)
    return job


# -- problem documents -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/nowhere", f"{URL}/{uuid4()}"])
async def test_what_is_not_there_is_a_problem(client: httpx.AsyncClient, path: str) -> None:
    assert_problem(await client.get(path), 404)


async def test_input_that_breaks_rules_is_a_problem_that_names_every_field(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post(URL, json={"number": "nº 1", "kind": "loom", "extra": 1})
    assert_problem(answer, 422)
    places = {error["location"] for error in answer.json()["errors"]}
    assert places == {"body.number", "body.name", "body.extra"}


async def test_an_unforeseen_error_is_a_problem_that_tells_nothing(
    capsys: pytest.CaptureFixture[str], app: FastAPI, client: httpx.AsyncClient
) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the password is swordfish")

    answer = await client.get("/broken")
    assert_problem(answer, 500)
    assert "swordfish" not in answer.text
    assert "swordfish" in capsys.readouterr().err


# -- limits ----------------------------------------------------------------------------------------


async def test_a_body_that_is_too_long_is_refused(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    answer = await client.post(URL, content=b"x" * (settings.max_body_bytes + 1))
    assert_problem(answer, 413)


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=101", "page=0", "page=101&limit=100", "page=1&cursor=x", "offset=3"),
        *("cursor=forged", f"cursor={'x' * 2001}"),
    ],
)
async def test_a_page_that_is_too_large_too_deep_or_forged_is_refused(
    client: httpx.AsyncClient, query: str
) -> None:
    assert_problem(await client.get(f"{URL}?{query}"), 422)


async def test_a_list_is_walked_page_by_page(client: httpx.AsyncClient) -> None:
    paths = [(await client.post(URL, json=draft(n))).headers["location"] for n in range(5)]
    numbered = (await client.get(URL, params={"page": 2, "limit": 2})).json()["data"]
    seen: list[str] = []
    params = {"limit": "2"}
    while params.get("cursor") != "":
        page = (await client.get(URL, params=params)).json()["data"]
        seen += [f"{URL}/{item['id']}" for item in page["items"]]
        params["cursor"] = page["next"] or ""
        # What is new meanwhile does not disturb the walk.
        await client.post(URL, json=draft(100 + len(seen)))
    assert seen == paths[::-1]
    assert [f"{URL}/{item['id']}" for item in numbered["items"]] == seen[2:4]
    assert numbered["total"] == 5
