"""The worker: what every process of `dramatiq app.worker:boot` runs. It needs a REDIS_URL.

Each process has one event loop, on which its jobs run. It looks at the outbox again and again, so
that they are done even when nobody tells it of them.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from types import FrameType

import dramatiq
import structlog
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.middleware import Middleware

from app import features, modules
from app.core.broker import WakingBroker, build_broker, hear_of_work
from app.core.database import Database
from app.core.logging import configure_logging
from app.core.outbox import Queue
from app.core.revisions import DatabaseBehind, read_revisions, require_current
from app.core.runner import JobProcess
from app.settings import Settings, settings_explained

logger = structlog.get_logger(__name__)

CLOSE_SECONDS = 5
ENDING = (signal.SIGTERM, signal.SIGHUP)

Handler = Callable[[int, FrameType | None], object]


class Process(Middleware):
    """What a worker process holds: its database, and what it does on its event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = Database(settings.database_url)
        self._jobs: JobProcess | None = None
        self._ending: Future[None] | None = None

    def tell(self) -> None:
        if self._jobs is not None:
            _loop().call_soon_threadsafe(self._jobs.runner.tell)

    def after_process_boot(self, broker: dramatiq.Broker) -> None:  # noqa: ARG002
        """Let the first signal end this process, within its grace, and no further one disturb it.

        One that is sent to a group comes twice: the master hands on what it gets.
        """
        for number in ENDING:
            signal.signal(number, _once(signal.getsignal(number)))

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Start, on the loop that the AsyncIO middleware has just started."""
        assert isinstance(broker, WakingBroker)  # noqa: S101 - `boot` has built it
        ours = worker.consumer_whitelist or {queue.label for queue in Queue}
        queues = [*map(Queue.of, ours)]
        self._jobs = JobProcess(self._settings, self._database, queues, broker.client)
        try:
            _submit(self._jobs.start()).result()
        except Exception:
            # To Dramatiq that is a line in its log, and the worker would live on without jobs.
            logger.exception("worker.not_started")
            os._exit(1)

    def before_worker_shutdown(
        self,
        broker: dramatiq.Broker,  # noqa: ARG002
        worker: dramatiq.Worker,  # noqa: ARG002
    ) -> None:
        """Begin to end, while the worker ends its threads."""
        if self._jobs is not None:
            self._ending = _submit(self._jobs.end())

    def after_worker_shutdown(
        self,
        broker: dramatiq.Broker,  # noqa: ARG002
        worker: dramatiq.Worker,  # noqa: ARG002
    ) -> None:
        if self._ending is not None:
            self._ending.result(self._settings.job_grace.total_seconds() + CLOSE_SECONDS)
        _submit(self._database.close()).result(CLOSE_SECONDS)


def _once(handler: Handler | int | None) -> Handler:
    """Return a handler that hands on the first signal alone."""
    assert callable(handler)  # noqa: S101 - Dramatiq has set it before the boot

    def handle(number: int, frame: FrameType | None) -> None:
        for each in ENDING:
            signal.signal(each, signal.SIG_IGN)
        handler(number, frame)

    return handle


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
    features.load_models()
    modules.load_jobs()
    process = Process(settings)
    broker = build_broker(settings.redis_url, process)
    hear_of_work(broker, process.tell)
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
    return asyncio.run_coroutine_threadsafe(coroutine, _loop())


def _loop() -> asyncio.AbstractEventLoop:
    thread = get_event_loop_thread()
    assert thread is not None  # noqa: S101 - the AsyncIO middleware starts it before us
    return thread.loop
