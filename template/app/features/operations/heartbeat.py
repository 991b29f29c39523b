"""The watch: makes a runner obey pauses, and tells the database what its process is doing.

Who pauses waits for that answer.
"""

from __future__ import annotations

import asyncio
import os
import socket
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

import structlog
from sqlalchemy import String, delete, insert, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base, Database
from app.core.jobs import wait_for_event
from app.core.runner import Runner
from app.features.operations import leases
from app.features.operations.leases import PAUSE

logger = structlog.get_logger(__name__)

# A process that was not seen for so long is dead: nobody waits for it.
FORGOTTEN_AFTER = timedelta(seconds=30)
BEAT = FORGOTTEN_AFTER / 3


class State(StrEnum):
    """What a process that runs jobs does."""

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


class Watch:
    """Looks for a pause again and again, until it is stopped."""

    def __init__(self, database: Database, runner: Runner, *, poll: timedelta) -> None:
        """Let `runner` begin nothing before the first look: it may be in a pause."""
        self.name = process_name()
        self._id = uuid4()
        self._database = database
        self._runner = runner
        self._poll = poll
        self._paused = False
        self._looked = asyncio.Event()
        self._stopped = asyncio.Event()
        self._told: tuple[State, datetime] | None = None
        runner.admits = self._admits

    @property
    def running(self) -> int:
        return self._runner.running

    @property
    def state(self) -> State:
        if not self._paused:
            return State.RUNNING
        return State.DRAINING if self.running else State.PAUSED

    def stop(self) -> None:
        self._stopped.set()

    async def run(self) -> None:
        while not self._stopped.is_set():
            try:
                await self._look()
                self._looked.set()
            except Exception:
                logger.exception("watch.blind")
            await wait_for_event(self._stopped, within=self._poll)
        self._looked.set()
        await self._sign_off()

    async def _admits(self) -> bool:
        await self._looked.wait()
        return not self._paused

    async def _look(self) -> None:
        self._paused = await leases.holding(self._database.reads, PAUSE) is not None
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

    async def _sign_off(self) -> None:
        try:
            async with self._database.writes() as session:
                await session.execute(delete(RunnerRow).where(RunnerRow.id == self._id))
        except SQLAlchemyError:
            logger.warning("watch.not_signed_off", exc_info=True)


def process_name() -> str:
    """Return what tells this process from every other: its host and its number there."""
    return f"{socket.gethostname()}:{os.getpid()}"
