"""Every table of one moment becomes a file, and the manifest says what they are.

A dump that was cut off has no manifest: it is deleted, and another one is made of a later moment.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import make_url, text

from app.core import parquet
from app.core.database import Database
from app.core.snapshots import Snapshot, snapshot
from app.features.periods import manifest
from app.features.periods.closing import PeriodsError, note
from app.features.periods.manifest import DumpedPeriod, DumpedTable, Manifest
from app.features.periods.signing import signer
from app.features.periods.states import Period, State
from app.features.periods.stored import Digest, Stored, tables
from app.settings import read_project

_VERSIONS = text("SELECT version_num FROM alembic_version")


async def dump(database: Database, url: str, base: Path, period: Period) -> Period:
    """Let there be a whole dump of a period that is being closed; raises PeriodsError."""
    if period.manifest is not None:
        return period
    if period.state is not State.CLOSING:
        raise PeriodsError(f"{period.name} is {period.state}: only one that is closing is dumped")
    if period.folder is not None:
        left = base / period.folder
        if (left / manifest.NAME).exists():
            return await _noted(database, period, left)
        await asyncio.to_thread(shutil.rmtree, left, ignore_errors=True)
    taken_at = datetime.now(UTC)
    folder = base / f"{period.name}-{taken_at:%Y%m%dT%H%M%S%fZ}"
    # Whoever goes on after a kill finds what is left; one of two at once ends here.
    period = await note(database, period, folder=folder.name)
    # What is in it, not everybody on the machine may read.
    await asyncio.to_thread(folder.mkdir, 0o700, parents=True)
    async with snapshot(url) as moment:
        versions = [row[0] async for rows in moment.batches(_VERSIONS) for row in rows]
        files = [await _dump_table(moment, folder, each) for each in tables()]
    project = read_project()
    made = Manifest(
        service=project.name,
        service_version=project.version,
        database=make_url(url).get_backend_name(),
        revision=sorted(versions),
        taken_at=taken_at,
        period=DumpedPeriod.model_validate(asdict(period)),
        tables=files,
    )
    if (signing := signer()) is not None:
        token = await signing.sign(database, hashlib.sha256(made.text()).hexdigest())
        await asyncio.to_thread(manifest.write_whole, folder / manifest.TOKEN, token.encode())
    await asyncio.to_thread(manifest.write_whole, folder / manifest.NAME, made.text())
    return await _noted(database, period, folder)


async def _noted(database: Database, period: Period, folder: Path) -> Period:
    _, digest = await asyncio.to_thread(manifest.read, folder)
    return await note(database, period, manifest=digest)


async def _dump_table(moment: Snapshot, folder: Path, stored: Stored) -> DumpedTable:
    name = stored.table.name
    path, part, digest = folder / f"{name}.parquet", folder / f"{name}.parquet.part", Digest()
    with parquet.written(part, stored.columns) as write:

        def add(found: list[tuple[object, ...]]) -> None:
            rows = stored.rows(found)
            digest.add(rows)
            write(rows)

        async for found in moment.batches(stored.select(), size=stored.batch):
            await asyncio.to_thread(add, [tuple(row) for row in found])
    await asyncio.to_thread(manifest.settle, part, path)
    return DumpedTable(
        name=name,
        file=path.name,
        rows=digest.rows,
        sha256=await asyncio.to_thread(manifest.sha256_of, path),
        digest=digest.text,
        columns=manifest.columns_of(stored),
    )
