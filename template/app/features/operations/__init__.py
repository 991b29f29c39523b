"""Operations: cron, dead letters, pause and drain, and the worker's health.

    @job("reports.nightly", Cron("0 3 * * *"))
    async def nightly(attempt: Attempt) -> None: ...

Every process that runs jobs has a scheduler, obeys pauses, and says in the database what it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.core import outbox
from app.core.runner import JobProcess, surround
from app.features import read_settings
from app.features.operations import pause
from app.features.operations.drain import paused_jobs
from app.features.operations.health_server import Probe, database_answers, redis_answers
from app.features.operations.heartbeat import Watch
from app.features.operations.schedule import Cron, Scheduler
from app.features.operations.settings import OperationsSettings
from app.settings import Settings

if TYPE_CHECKING:
    import dramatiq
    from fastapi import FastAPI

__all__ = ["Cron", "install", "install_worker", "paused_jobs"]

outbox.hold_while(pause.lasts)


def install(app: FastAPI) -> None:
    """Change nothing about the api itself: only about the jobs that it may run."""


def install_worker(broker: dramatiq.Broker, settings: Settings) -> None:
    """Change nothing about the broker: only about the jobs that the worker runs."""


@surround
@asynccontextmanager
async def operated(jobs: JobProcess) -> AsyncIterator[None]:
    """Surround the life of a process that runs jobs."""
    watch = Watch(jobs.database, jobs.runner, poll=jobs.settings.job_poll)
    scheduler = Scheduler(jobs.database, poll=jobs.settings.job_poll)
    tasks = [asyncio.create_task(each.run()) for each in (watch, scheduler)]
    try:
        async with _probed(jobs, watch, scheduler):
            yield
    finally:
        watch.stop()
        scheduler.stop()
        await asyncio.gather(*tasks)


@asynccontextmanager
async def _probed(jobs: JobProcess, watch: Watch, scheduler: Scheduler) -> AsyncIterator[None]:
    """Answer /livez and /readyz meanwhile, for a worker with a port to answer on."""
    settings, own = jobs.settings, read_settings(OperationsSettings, jobs.settings)
    if settings.redis_url is None or own.worker_health_port is None:
        yield
        return
    checks = {
        "database": database_answers(jobs.database),
        "redis": redis_answers(settings.redis_url),
    }
    probe = Probe(jobs.runner, watch, scheduler, checks)
    await probe.serve(settings.host, own.worker_health_port)
    yield
    await probe.close()
