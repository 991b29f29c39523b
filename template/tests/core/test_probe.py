"""A worker without an api says whether it lives and whether it can work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from app.core.database import Database
from app.core.probe import SILENT_SECONDS, Probe, database_answers
from app.core.process import JobProcess
from app.core.relay import InProcess
from app.settings import Settings


@pytest.fixture
async def jobs(settings: Settings, database: Database) -> AsyncIterator[JobProcess]:
    """A process that runs jobs."""
    jobs = JobProcess(settings, database, lambda runner: InProcess(runner, concurrency=1))
    await jobs.start()
    yield jobs
    await jobs.end()


async def ask(probe: Probe, path: str) -> httpx.Response:
    port = await probe.serve("127.0.0.1", 0)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            return await client.get(path)
    finally:
        await probe.close()


async def test_a_worker_with_all_it_needs_is_ready(jobs: JobProcess, database: Database) -> None:
    answer = await ask(Probe(jobs, {"database": database_answers(database)}), "/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": {"relay": "ok", "database": "ok"},
        "state": "running",
        "running": 0,
        "schedules": False,
    }


async def test_without_its_database_it_lives_and_is_not_ready(jobs: JobProcess) -> None:
    away = Database("sqlite:////nowhere/at/all.db")
    probe = Probe(jobs, {"database": database_answers(away)})
    assert (await ask(probe, "/livez")).json() == {"status": "ok"}
    answer = await ask(probe, "/readyz")
    assert (answer.status_code, answer.json()["checks"]["database"]) == (503, "failed")
    await away.close()


async def test_a_relay_that_hangs_is_seen(
    jobs: JobProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.relay.stop()
    await asyncio.sleep(0.1)
    monkeypatch.setattr(jobs.relay, "swept_at", time.monotonic() - 2 * SILENT_SECONDS)
    assert (await ask(Probe(jobs, {}), "/readyz")).json()["checks"] == {"relay": "failed"}


async def test_other_paths_are_not_there(jobs: JobProcess) -> None:
    assert (await ask(Probe(jobs, {}), "/metrics")).status_code == 404
