"""The end of a period from its first step to its last. Killed anywhere, the next run goes on.

How far it has come is in the period's row, and each step looks there first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.core.database import Database
from app.core.engines import UnsupportedDatabase
from app.features.periods import archiving, closing, dumping, manifest, preflight, restoring
from app.features.periods.closing import Actor, PeriodsError
from app.features.periods.settings import PeriodsSettings
from app.features.periods.states import Period, State
from app.features.periods.verifying import verified


@dataclass(frozen=True)
class Desk:
    """Where the work is done, and who is told of it."""

    database: Database
    url: str
    own: PeriodsSettings
    say: Callable[[str], None]

    async def find(self, name: str) -> Period:
        return await closing.find(self.database.reads, name)

    async def require_ready(self, period: Period) -> None:
        """Raise PeriodsError with everything that is in the way of closing a period."""
        harmless = self.own.periods_harmless_jobs
        if found := await preflight.problems(self.database, period, harmless):
            raise PeriodsError("\n".join([f"{period.name} cannot be closed now:", *found]))
        self.say(f"{period.name}: nothing is in the way of closing it")

    async def close(self, period: Period, actor: Actor) -> Period:
        """Freeze a period that is ready for it."""
        if period.state is not State.OPEN:
            return period
        if period.ends_at > datetime.now(UTC):
            raise PeriodsError(f"{period.name} is not over: its last day is {period.last}")
        await self.require_ready(period)
        period = await closing.move(self.database, period, State.CLOSING, actor)
        self.say(f"{period.name} is closing: its rows are frozen")
        return period

    async def dump(self, period: Period) -> Period:
        if period.manifest is None:
            await self.require_ready(period)
            period = await dumping.dump(self.database, self.url, self.own.periods_folder, period)
            self.say(f"{period.name} is dumped: {self._folder(period)}")
        return period

    async def verify(self, period: Period) -> Period:
        found, signature = await verified(self._folder(period), self.database, period.manifest)
        rows = sum(each.rows for each in found.tables)
        self.say(f"{period.name}: {len(found.tables)} tables, {rows} rows, {signature}")
        if period.verified_at is None:
            period = await closing.note(self.database, period, verified_at=datetime.now(UTC))
        return period

    async def restore(self, period: Period, into: str) -> Period:
        """Restore the dump into another database, and compare."""
        folder = self._folder(period)
        if into == self.url:
            raise PeriodsError("that is the database itself: restore into an empty one")
        found, _ = await verified(folder, self.database, period.manifest)
        await self.restored(folder, found, into)
        if period.restored_at is None:
            period = await closing.note(self.database, period, restored_at=datetime.now(UTC))
        return period

    async def restored(self, folder: Path, found: manifest.Manifest, into: str) -> None:
        _, digest = await asyncio.to_thread(manifest.read, folder)
        try:
            await restoring.restore(into, folder, found, digest)
        except UnsupportedDatabase as error:
            raise PeriodsError(f"nothing can be restored there: {error}") from error
        except SQLAlchemyError as error:
            kind = type(error).__name__
            raise PeriodsError(f"the database to restore into has refused: {kind}") from error
        self.say(f"{found.period.name} is restored: the digests of every table are equal")

    async def run(self, period: Period, actor: Actor, into: str | None) -> Period:
        """Do what is left to do until a period is closed."""
        period = await self.dump(await self.close(period, actor))
        if period.verified_at is None:
            period = await self.verify(period)
        if into is not None and period.restored_at is None:
            period = await self.restore(period, into)
        if period.state is State.CLOSING:
            period = await closing.move(self.database, period, State.CLOSED, actor)
        self.say(f"{period.name} is {period.state}")
        return period

    async def archive(self, period: Period, actor: Actor) -> Period:
        """Delete the period's rows, which are in its dump."""
        if period.state is State.CLOSED:
            base = self.own.periods_folder
            period = await archiving.delete_dumped(self.database, base, period)
        if period.state is not State.ARCHIVED:
            period = await closing.move(self.database, period, State.ARCHIVED, actor)
        self.say(f"{period.name} is archived: its rows are in {self._folder(period)} only")
        return period

    async def reopen(self, period: Period, actor: Actor) -> Period:
        period = await closing.move(self.database, period, State.OPEN, actor)
        self.say(f"{period.name} is open again")
        return period

    def _folder(self, period: Period) -> Path:
        if period.manifest is None or period.folder is None:
            raise PeriodsError(f"{period.name} was not dumped yet")
        return self.own.periods_folder / period.folder
