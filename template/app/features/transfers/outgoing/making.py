"""One attempt to make the file of an export, from one moment of the database."""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

from fastapi.concurrency import contextmanager_in_threadpool
from sqlalchemy import func, select

from app.core.database import Database
from app.core.snapshots import Snapshot, snapshot
from app.features.transfers import settings
from app.features.transfers.declared import declared
from app.features.transfers.outgoing import exports, files
from app.features.transfers.outgoing.exports import Running
from app.features.transfers.outgoing.files import Refused
from app.features.transfers.outgoing.models import Format
from app.features.transfers.outgoing.schemas import Manifest
from app.features.transfers.storage import PARTIAL, remove, storage, workplace

# So many rows are in memory, and a group of them in Parquet.
BATCH = 5000
# How often whoever waits is told how far it is.
TOLD_EVERY = 1.0


async def make(database: Database, running: Running) -> tuple[str, Manifest]:
    """Make the file and its manifest; return what the file is called in the storage.

    Raises Refused, and Stopped where nobody waits for it any more.
    """
    for folder in running.earlier_folders:
        await remove(folder)
    async with workplace(running.folder) as place:
        part = place / f"{running.transfer}{PARTIAL}"
        async with snapshot(settings.database_url()) as moment:
            now = datetime.now(UTC)
            rows = await _write(database, moment, running, part)
        size, digest = await asyncio.to_thread(_measured, part)
        manifest = Manifest(
            id=running.id,
            transfer=running.transfer,
            format=running.format,
            columns=list(declared()[running.transfer].columns),
            query=running.query,
            requester=running.requester,
            snapshot_at=now,
            rows=rows,
            bytes=size,
            sha256=digest,
        )
        # Before the file: where that is, its manifest is.
        text = manifest.model_dump_json(indent=2)
        await _publish_text(text, place / f"manifest{PARTIAL}", f"{running.folder}/manifest.json")
        name = f"{running.folder}/{running.transfer}.{running.format}"
        await storage().publish(part, name)
    return name, manifest


async def _publish_text(text: str, part: Path, name: str) -> None:
    await asyncio.to_thread(part.write_text, text, "utf-8")
    await storage().publish(part, name)


async def _write(database: Database, moment: Snapshot, running: Running, part: Path) -> int:
    transfer = declared()[running.transfer]
    statement, values = transfer.selecting(transfer.query.model_validate(running.query))
    columns = list(transfer.columns.values())
    counting = select(func.count()).select_from(statement.order_by(None).subquery())
    async with aclosing(moment.batches(counting, values)) as counted:
        total: int = (await anext(counted))[0][0]
    if running.format is Format.XLSX and total > files.MOST_IN_A_SHEET:
        most = f"a sheet of XLSX has at most {files.MOST_IN_A_SHEET:,}"
        raise Refused(f"{total:,} rows: {most}; ask for fewer, for CSV or for Parquet")
    await exports.progress(database, running, total=total)
    writing = files.written(running.format, part, columns, running.created_at)
    batches = moment.batches(statement, values, BATCH)
    done, told = 0, time.monotonic()
    async with contextmanager_in_threadpool(writing) as write, aclosing(batches):
        async for rows in batches:
            await asyncio.to_thread(write, rows)
            done += len(rows)
            if time.monotonic() - told >= TOLD_EVERY:
                await exports.progress(database, running, rows=done)
                told = time.monotonic()
            else:
                await exports.require_running(database.reads, running)
    return done


def _measured(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest
