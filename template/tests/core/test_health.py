"""Liveness looks at the process alone; readiness at what it needs."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.core.database import Database
from app.settings import Settings
from tests.conftest import COUNTED


async def test_a_process_with_its_database_is_live_and_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).json() == {"status": "ok"}
    answer = await client.get("/readyz")
    assert answer.json() == {"status": "ok", "checks": {"database": {"status": "ok"}}}


async def test_liveness_costs_no_statement_and_readiness_one(
    client: httpx.AsyncClient, statements: list[str]
) -> None:
    client.headers["X-Request-ID"] = COUNTED
    await client.get("/livez")
    assert statements == []
    await client.get("/readyz")
    assert len(statements) == 1, statements


async def test_without_its_database_it_is_live_but_not_ready(
    app: FastAPI, client: httpx.AsyncClient, away: Database
) -> None:
    ready, app.state.database = app.state.database, away
    try:
        assert (await client.get("/livez")).status_code == 200
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["database"]["status"] == "failed"
    finally:
        app.state.database = ready


@pytest.mark.parametrize(
    ("stored", "status", "code"), [("0000", "behind", 503), ("9999", "ahead", 200)]
)
async def test_a_database_of_another_revision_is_told(
    app: FastAPI, client: httpx.AsyncClient, stored: str, status: str, code: int
) -> None:
    known = app.state.revisions.known | {"0000"}
    app.state.revisions = replace(app.state.revisions, known=known)
    async with app.state.database.writes() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": stored})
    answer = await client.get("/readyz")
    assert answer.status_code == code
    check = answer.json()["checks"]["database"]
    assert check["status"] == status
    assert stored in check["detail"]


async def test_a_database_without_any_revision_is_behind(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    async with app.state.database.writes() as session:
        await session.execute(text("DELETE FROM alembic_version"))
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["database"]["status"]) == (503, "behind")


async def test_without_its_broker_it_serves_and_says_that_jobs_wait(
    app: FastAPI, client: httpx.AsyncClient, settings: Settings
) -> None:
    nowhere = "redis://127.0.0.1:1/0"
    app.state.settings = settings.model_copy(update={"redis_url": nowhere})
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["checks"]["broker"]["status"] == "failed"


async def test_a_broker_that_answers_is_ok(
    app: FastAPI, client: httpx.AsyncClient, settings: Settings
) -> None:
    async def pong(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # As far as a client needs a Redis to be pinged: every command is answered.
        while commands := (await reader.read(4096)).count(b"*"):
            answer = b"+PONG\r\n" if commands == 1 else b"+OK\r\n"
            writer.write(answer * commands)
        writer.close()
        await writer.wait_closed()
        left.set()

    left = asyncio.Event()
    server = await asyncio.start_server(pong, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"redis://127.0.0.1:{port}/0"
    app.state.settings = settings.model_copy(update={"redis_url": url})
    answer = await client.get("/readyz")
    await left.wait()
    server.close()
    assert answer.json()["checks"]["broker"] == {"status": "ok"}
