"""Jobs: the functions that do them, known by name, and how one attempt is run."""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Concatenate, ParamSpec, Protocol

import structlog
from pydantic import ConfigDict, validate_call
from structlog.contextvars import bind_contextvars

from app.core import job_hooks, outbox
from app.core.database import Database, ReadConnection, WriteSession
from app.core.logging import correlated
from app.core.outbox import QUEUES, Job, Queue, Superseded

logger = structlog.get_logger(__name__)

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=10)


class Attempt:
    """One attempt of a job, as its function sees it: where to read, and how to finish."""

    def __init__(self, database: Database, job: Job) -> None:
        self.database = database
        self.job = job
        self.finished = False

    @property
    def reads(self) -> ReadConnection:
        """What comes before the effect: reading, and slow work with what was read."""
        return self.database.reads

    @asynccontextmanager
    async def finishes(self) -> AsyncIterator[WriteSession]:
        """Yield the one transaction of the job's effect and its end: both happen, or neither."""
        if self.finished:
            raise RuntimeError("a job finishes once: what comes after it is another job")
        async with self._transaction() as session:
            yield session
        self.finished = True

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[WriteSession]:
        async with self.database.writes() as session:
            await outbox.finish(session, self.job)
            yield session


P = ParamSpec("P")
Function = Callable[Concatenate[Attempt, P], Awaitable[None]]
End = Callable[[Job], Awaitable[None]]


@dataclass(frozen=True)
class JobKind:
    """A function that does one kind of job, and how patient its runner is with it."""

    name: str
    function: Function[...]
    queue: Queue
    max_attempts: int
    time_limit: timedelta
    group: bool


JOB_KINDS: dict[str, JobKind] = {}


class Option(Protocol):
    """What else there is to a kind of job; a feature's affair."""

    def apply(self, name: str, /) -> None:
        """Learn the name of the kind that has this option."""


class DuplicateJobKind(ValueError):
    """Two functions claim one name."""


class CutOff(Exception):
    """The process ended before the attempt did."""


def job(
    name: str,
    *options: Option,
    queue: Queue = Queue.DEFAULT,
    max_attempts: int = 8,
    time_limit: timedelta = timedelta(minutes=1),
    group: bool = False,
) -> Callable[[Function[P]], Function[P]]:
    """Register a function as what does the jobs called `name` ("module.verb").

    It is given its Attempt and the job's arguments, typed as its annotations say. It may run more
    than once; what it does inside `attempt.finishes()` happens exactly once.

    Jobs with `group` that are due at one time are done one after the other in one transaction. For
    short effects: such a job opens no other transaction, and a slow one is waited for by all.
    """

    def register(function: Function[P]) -> Function[P]:
        if name in JOB_KINDS:
            raise DuplicateJobKind(name)
        typed = validate_call(config=ConfigDict(arbitrary_types_allowed=True))(function)
        JOB_KINDS[name] = JobKind(name, typed, queue, max_attempts, time_limit, group)
        QUEUES[name] = queue
        for option in options:
            option.apply(name)
        return function

    return register


async def run(database: Database, job: Job, end: End | None = None) -> None:
    """Run an attempt that was claimed, and record how it ended.

    `end` ends a job that has left no effect (default: in a transaction of its own).
    """
    with named(job):
        await _attempt(Attempt(database, job), end)


@contextmanager
def named(job: Job) -> Iterator[None]:
    """Let every line that is logged meanwhile name the job, those of its own code too."""
    with correlated(job.correlation_id):
        bind_contextvars(job=str(job.id), actor=job.actor, attempt=job.attempts)
        yield


async def _attempt(attempt: Attempt, end: End | None) -> None:
    database, job = attempt.database, attempt.job
    try:
        with job_hooks.attempt(job):
            await call(attempt)
            if not attempt.finished:
                await (end(job) if end is not None else _end(attempt))
    except Superseded:
        logger.warning("job.superseded")
    except asyncio.CancelledError:
        await give_back(database, job)
        raise
    except Exception as error:  # noqa: BLE001 - whatever it raises is recorded on its job
        due_at = datetime.now(UTC) + pause_after(job.attempts)
        await _record_failure(database, job, error, due_at)
    else:
        logger.info("job.done")


async def call(attempt: Attempt) -> None:
    """Call the function of an attempt, for as long as it may take."""
    job = attempt.job
    known = JOB_KINDS[job.actor]
    if job.attempts > known.max_attempts:
        # Whoever ran the last attempt died of it, or with it: one more may kill this process too.
        raise CutOff(f"attempt {known.max_attempts} of {known.max_attempts} ended with its process")
    async with asyncio.timeout(known.time_limit.total_seconds()):
        await known.function(attempt, **job.arguments)


async def _end(attempt: Attempt) -> None:
    async with attempt.finishes():
        pass


async def give_back(database: Database, job: Job) -> None:
    """Record that this process ends before the attempt: whoever lives may begin the next now."""
    await _record_failure(
        database, job, CutOff("the process was told to end"), due_at=datetime.now(UTC)
    )


async def _record_failure(database: Database, job: Job, error: Exception, due_at: datetime) -> None:
    last = job.attempts >= JOB_KINDS[job.actor].max_attempts
    text = "".join(traceback.format_exception(error))
    async with database.writes() as session:
        await outbox.fail(session, job, due_at=None if last else due_at, error=text)
    if last:
        logger.error("job.dead", exc_info=error)
    else:
        logger.warning("job.failed", retry_at=due_at.isoformat(), exc_info=error)


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after failed attempt number `attempts`: doubled, capped, jittered."""
    doubled: timedelta = min(FIRST_PAUSE * 2 ** min(attempts - 1, 20), LONGEST_PAUSE)
    return doubled * random.uniform(0.75, 1.25)  # noqa: S311 - jitter, not a secret


async def wait_for_event(event: asyncio.Event, *, within: timedelta) -> bool:
    try:
        await asyncio.wait_for(event.wait(), within.total_seconds())
    except TimeoutError:
        return False
    return True
