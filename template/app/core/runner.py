"""The runner: runs jobs in this process while it may, to their end where there is time for it.

It obeys a pause, and tells the database what it is doing: who pauses waits for that answer.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

import structlog
from sqlalchemy import String, delete, insert, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from app.core import actors, leases, outbox
from app.core.clock import happens
from app.core.database import Base, Database
from app.core.logging import process_name
from app.core.outbox import Job

logger = structlog.get_logger(__name__)

# A runner that was not seen for so long is dead: nobody waits for it.
FORGOTTEN_AFTER = timedelta(seconds=30)
BEAT = FORGOTTEN_AFTER / 3


class State(StrEnum):
    """What a runner does."""

    RUNNING = "running"
    DRAINING = "draining"
    PAUSED = "paused"


class RunnerRow(Base):
    """A process that runs jobs, as it last said of itself."""

    __tablename__ = "job_runners"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(10))
    running: Mapped[int]
    seen_at: Mapped[datetime]


class Runner:
    """Runs attempts on this event loop, until it is ended."""

    def __init__(self, database: Database, *, lease: timedelta, poll: timedelta) -> None:
        """Run nothing yet: whether there is a pause is known after the first look."""
        self.name = process_name()
        self.paused = False
        self._id = uuid4()
        self._database = database
        self._lease = lease
        self._poll = poll
        self._looked = asyncio.Event()
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[object]] = set()
        self._told: tuple[State, datetime] | None = None

    @property
    def running(self) -> int:
        """How many jobs run now."""
        return len(self._tasks)

    @property
    def state(self) -> State:
        """What this runner does."""
        if not self.paused:
            return State.RUNNING
        return State.DRAINING if self._tasks else State.PAUSED

    async def run(self, job: Job) -> None:
        """Run one attempt of a job; give the job back while there is a pause or after the end."""
        await self._looked.wait()
        if self.paused or self._ended.is_set():
            async with self._database.writes() as session:
                await outbox.give_back(session, [job])
            return
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self._tasks.add(task)
        try:
            await actors.run(self._database, job, lease=self._lease)
        except asyncio.CancelledError:
            if not self._ended.is_set():
                raise
            # Cut off by `end`: that is this attempt's end, and no error of its caller's.
        finally:
            self._tasks.discard(task)

    async def watch(self) -> None:
        """Obey pauses and tell what this process does, until it is ended."""
        while not self._ended.is_set():
            try:
                await self._look()
                self._looked.set()
            except Exception:
                logger.exception("runner.blind")
            await happens(self._ended, within=self._poll)
        self._looked.set()

    async def end(self, grace: timedelta) -> None:
        """Begin nothing more, let jobs end within `grace`, cut off the others, sign off."""
        self._ended.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace.total_seconds())
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await self._sign_off()

    async def _sign_off(self) -> None:
        try:
            async with self._database.writes() as session:
                await session.execute(delete(RunnerRow).where(RunnerRow.id == self._id))
        except SQLAlchemyError:
            logger.warning("runner.not_signed_off", exc_info=True)

    async def _look(self) -> None:
        async with self._database.reads() as reads:
            self.paused = await leases.holding(reads, outbox.PAUSE) is not None
        now = datetime.now(UTC)
        if self._told is None or self._told[0] != self.state or now - self._told[1] > BEAT:
            await self._tell(self.state, now)

    async def _tell(self, state: State, now: datetime) -> None:
        values = {"state": state.value, "running": self.running, "seen_at": now}
        async with self._database.writes() as session:
            if self._told is None:
                old = RunnerRow.seen_at < now - FORGOTTEN_AFTER
                await session.execute(delete(RunnerRow).where(old))
                await session.execute(
                    insert(RunnerRow).values(id=self._id, name=self.name, **values)
                )
            else:
                await session.execute(
                    update(RunnerRow).where(RunnerRow.id == self._id).values(values)
                )
        self._told = state, now
