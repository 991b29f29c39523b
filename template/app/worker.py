"""The worker: what every process of `dramatiq app.worker:boot` runs. It needs a REDIS_URL.

Each process has one event loop, on which its jobs and a relay run: the relay sweeps the outbox, so
that jobs are sent even when no api lives.
"""

from __future__ import annotations

import asyncio
import sys

import dramatiq
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.middleware import Middleware

from app import features, modules
from app.core import actors
from app.core.broker import ToWorkers, build_broker, serve_actors
from app.core.database import Database
from app.core.logging import configure_logging
from app.core.outbox import Job
from app.core.relay import Relay
from app.settings import Settings

CLOSE_SECONDS = 5


class Process(Middleware):
    """What a worker process holds: its database, and the relay that runs while it works."""

    def __init__(self, settings: Settings) -> None:
        """Prepare; nothing is connected before the first job or sweep."""
        self._settings = settings
        self._database = Database(settings.database_url)
        self._relay: Relay | None = None

    async def run(self, job: Job) -> None:
        """Run one attempt of a job."""
        await actors.run(self._database, job, lease=self._settings.job_lease)

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002
        """Start to relay, on the loop that the AsyncIO middleware has just started."""
        self._relay = Relay(
            self._database,
            ToWorkers(broker),
            poll=self._settings.job_poll,
            resend=self._settings.job_resend,
        )
        asyncio.run_coroutine_threadsafe(self._relay.run(), _loop())

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002
        """Stop relaying; jobs that run are waited for by the worker itself."""
        if self._relay is not None:
            _loop().call_soon_threadsafe(self._relay.stop)

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002
        """Disconnect."""
        asyncio.run_coroutine_threadsafe(self._database.close(), _loop()).result(CLOSE_SECONDS)


def boot() -> None:
    """Make this process a worker: its broker, its actors and what `Process` holds."""
    settings = Settings()
    configure_logging(settings.log_level, settings.log_format)
    if settings.redis_url is None:
        sys.exit("There is no REDIS_URL: the api runs the jobs itself, and no worker is needed.")
    modules.load_models()
    modules.load_tasks()
    process = Process(settings)
    broker = build_broker(settings.redis_url, process)
    serve_actors(broker, process.run)
    for feature in features.found():
        feature.install_worker(broker, settings)
    dramatiq.set_broker(broker)


def _loop() -> asyncio.AbstractEventLoop:
    thread = get_event_loop_thread()
    assert thread is not None  # noqa: S101 - the AsyncIO middleware starts it before us
    return thread.loop
