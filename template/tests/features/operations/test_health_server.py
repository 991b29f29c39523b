"""A worker without an api says whether it lives and whether it can work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from app.core.database import Database
from app.core.runner import JobProcess, Runner
from app.features.operations.health_server import (
    SILENT_SECONDS,
    Check,
    Probe,
    database_answers,
    redis_answers,
)
from app.features.operations.heartbeat import Watch
from app.features.operations.schedule import Scheduler
from app.settings import Settings

POLL = timedelta(milliseconds=20)


@pytest.fixture
async def jobs(settings: Settings, database: Database) -> AsyncIterator[JobProcess]:
    """A process that runs jobs."""
    jobs = JobProcess(settings, database)
    await jobs.start()
    yield jobs
    await jobs.end()


def probe(jobs: JobProcess, **checks: Check) -> Probe:
    watch = Watch(jobs.database, Runner(jobs.database, jobs.settings), poll=POLL)
    return Probe(jobs.runner, watch, Scheduler(jobs.database, poll=POLL), checks)


async def ask(probe: Probe, path: str) -> httpx.Response:
    port = await probe.serve("127.0.0.1", 0)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            return await client.get(path)
    finally:
        await probe.close()


async def test_a_worker_with_all_it_needs_is_ready(jobs: JobProcess, database: Database) -> None:
    answer = await ask(probe(jobs, database=database_answers(database)), "/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": {"relay": "ok", "database": "ok"},
        "state": "running",
        "running": 0,
        "schedules": False,
    }


async def test_without_its_database_it_lives_and_is_not_ready(
    jobs: JobProcess, away: Database
) -> None:
    alone = probe(jobs, database=database_answers(away))
    assert (await ask(alone, "/livez")).json() == {"status": "ok"}
    answer = await ask(alone, "/readyz")
    assert (answer.status_code, answer.json()["checks"]["database"]) == (503, "failed")


async def test_without_its_redis_it_is_not_ready(jobs: JobProcess) -> None:
    answer = await ask(probe(jobs, redis=redis_answers("redis://127.0.0.1:1/0")), "/readyz")
    assert (answer.status_code, answer.json()["checks"]["redis"]) == (503, "failed")


async def test_a_runner_that_hangs_is_seen(settings: Settings, database: Database) -> None:
    hangs = JobProcess(settings, database)
    hangs.runner.swept_at -= 2 * SILENT_SECONDS
    assert (await ask(probe(hangs), "/readyz")).json()["checks"] == {"relay": "failed"}


async def test_other_paths_are_not_there(jobs: JobProcess) -> None:
    assert (await ask(probe(jobs), "/metrics")).status_code == 404
