"""The worker: what every process of `dramatiq app.worker:boot` runs. It needs a REDIS_URL.

Each process has one event loop, on which its jobs and a relay run: the relay sweeps the outbox, so
that jobs are sent even when no api lives.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from concurrent.futures import Future

import dramatiq
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.middleware import Middleware

from app import features, modules
from app.core.broker import ToWorkers, WakingBroker, build_broker, serve_actors
from app.core.database import Database
from app.core.logging import configure_logging
from app.core.outbox import Job
from app.core.revisions import DatabaseBehind, read_revisions, require_current
from app.core.runner import JobProcess
from app.settings import Settings, settings_explained

CLOSE_SECONDS = 5


class Process(Middleware):
    """What a worker process holds: its database, and what it does on its event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = Database(settings.database_url)
        self._jobs: JobProcess | None = None
        self._ending: Future[None] | None = None

    async def run(self, job: Job) -> None:
        assert self._jobs is not None  # noqa: S101 - messages come after the boot
        await self._jobs.runner.run(job)

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Start, on the loop that the AsyncIO middleware has just started."""
        assert isinstance(broker, WakingBroker)  # noqa: S101 - `boot` has built it
        worker.queue_prefetch = self._settings.job_prefetch
        self._jobs = JobProcess(self._settings, self._database, lambda _: ToWorkers(broker))
        _submit(self._jobs.start()).result()

    def before_worker_shutdown(
        self,
        broker: dramatiq.Broker,  # noqa: ARG002
        worker: dramatiq.Worker,  # noqa: ARG002
    ) -> None:
        """Begin to end; the worker waits for the jobs that run, and the grace limits its wait."""
        if self._jobs is not None:
            self._ending = _submit(self._jobs.end())

    def after_worker_shutdown(
        self,
        broker: dramatiq.Broker,  # noqa: ARG002
        worker: dramatiq.Worker,  # noqa: ARG002
    ) -> None:
        if self._ending is not None:
            self._ending.result(CLOSE_SECONDS)
        _submit(self._database.close()).result(CLOSE_SECONDS)


@settings_explained()
def boot() -> None:
    """Make this process a worker: its broker, its actors and what `Process` holds."""
    settings = Settings()
    configure_logging(settings.log_level, settings.log_format)
    if settings.redis_url is None:
        sys.exit("There is no REDIS_URL: the api runs the jobs itself, and no worker is needed.")
    try:
        asyncio.run(_require_current(settings))
    except DatabaseBehind as error:
        sys.exit(str(error))
    modules.load_models()
    modules.load_jobs()
    process = Process(settings)
    broker = build_broker(settings.redis_url, process)
    serve_actors(broker, process.run)
    for feature in features.found():
        feature.install_worker(broker, settings)
    dramatiq.set_broker(broker)


async def _require_current(settings: Settings) -> None:
    database = Database(settings.database_url)
    try:
        await require_current(database, read_revisions())
    finally:
        await database.close()


def _submit(coroutine: Coroutine[None, None, None]) -> Future[None]:
    thread = get_event_loop_thread()
    assert thread is not None  # noqa: S101 - the AsyncIO middleware starts it before us
    return asyncio.run_coroutine_threadsafe(coroutine, thread.loop)
