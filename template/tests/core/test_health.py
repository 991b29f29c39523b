"""Liveness looks at the process alone; readiness at what it needs."""

from __future__ import annotations

import httpx
from fastapi import FastAPI

from app.core.database import Database


async def test_a_process_with_its_database_is_live_and_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).json() == {"status": "ok"}
    answer = await client.get("/readyz")
    assert answer.json() == {"status": "ok", "checks": {"database": {"status": "ok"}}}


async def test_without_its_database_it_is_live_but_not_ready(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    ready = app.state.database
    app.state.database = Database("sqlite:////nowhere/at/all.db")
    try:
        assert (await client.get("/livez")).status_code == 200
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["database"]["status"] == "failed"
    finally:
        await app.state.database.close()
        app.state.database = ready
