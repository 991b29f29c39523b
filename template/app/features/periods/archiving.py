"""Rows of a closed period are deleted, batch by batch, if they are in its dump as they are now.

A batch is one transaction, which says how much of the dump is dealt with, and in which alone the
triggers let rows of the period go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Select, delete, func, select, update

from app.core import parquet
from app.core.database import Database
from app.features.periods import closing
from app.features.periods.closing import PeriodsError
from app.features.periods.declared import Frozen, carried_away, frozen
from app.features.periods.models import PERIODS
from app.features.periods.states import Period
from app.features.periods.stored import Stored, Values, digest_of
from app.features.periods.verifying import files, verified


async def delete_dumped(database: Database, base: Path, period: Period) -> Period:
    """Delete what the dump of a period has of it; raises PeriodsError where anything differs."""
    if period.restored_at is None or period.folder is None:
        raise PeriodsError(f"{period.name} was never restored from its dump: do that first")
    if lost := carried_away():
        raise PeriodsError(f"rows would go with those of the period: {', '.join(lost)}")
    folder = base / period.folder
    manifest, _ = await verified(folder, database, period.manifest)
    of_table = {stored.table.name: (stored, path) for _, stored, path in files(manifest, folder)}
    for name, each in frozen().items():
        if name not in of_table:
            raise PeriodsError(f"the dump has no {name}, which was frozen after it was made")
        archive = _Archive(database, each, *of_table[name])
        period = await archive.run(period)
    return period


class _Archive:
    """One table's rows of a period, and the file that has them."""

    def __init__(self, database: Database, frozen: Frozen, stored: Stored, path: Path) -> None:
        self._database = database
        self._frozen = frozen
        self._stored = stored
        self._path = path

    async def run(self, period: Period) -> Period:
        name = self._stored.table.name
        done = period.removed.get(name, 0)
        batches = parquet.read(self._path, self._stored.columns, self._stored.batch)
        passed = 0
        while rows := await asyncio.to_thread(next, batches, None):
            passed += len(rows)
            if passed > done:
                period = await self._delete(period, rows, passed)
        await self._require_gone(period)
        return period

    async def _delete(self, period: Period, rows: Sequence[Values], passed: int) -> Period:
        """Delete those rows of the dump that are the period's, unless they have changed."""
        name = self._stored.table.name
        if (await self._database.reads.execute(self._of(period, rows).limit(1))).first() is None:
            return period
        dumped = {self._stored.key_of(row): row for row in rows}
        async with self._database.writes() as session:
            locked = self._of(period, rows).with_for_update(of=self._stored.table)
            found = self._stored.rows((await session.execute(locked)).all())
            changed = [row for row in found if not self._is_same(row, dumped)]
            if changed:
                key = ", ".join(map(str, self._stored.key_of(changed[0])))
                raise PeriodsError(
                    f"{len(changed)} rows of {name} are not what was dumped, such as {key}:"
                    " nothing of their batch was deleted"
                )
            removed = {**period.removed, name: passed}
            await closing.change(session, period, removed=removed, removing=True)
            await session.execute(delete(self._stored.table).where(self._stored.among(found)))
            own = PERIODS.c.name == period.name
            await session.execute(update(PERIODS).where(own).values(removing=False))
        return await closing.find(self._database.reads, period.name)

    def _of(self, period: Period, rows: Sequence[Values]) -> Select[Any]:
        inside = self._frozen.within(period.begins_at, period.ends_at)
        return self._stored.select().where(self._stored.among(rows), inside)

    def _is_same(self, row: Values, dumped: Mapping[tuple[Any, ...], Values]) -> bool:
        return digest_of(row) == digest_of(dumped[self._stored.key_of(row)])

    async def _require_gone(self, period: Period) -> None:
        """Refuse to go on where the period has rows that the dump has not."""
        inside = self._frozen.within(period.begins_at, period.ends_at)
        left = select(func.count()).select_from(self._stored.table).where(inside)
        if number := (await self._database.reads.execute(left)).scalar_one():
            raise PeriodsError(
                f"{number} rows of {self._stored.table.name} belong to {period.name} and are not"
                " in its dump: nothing more is deleted"
            )
