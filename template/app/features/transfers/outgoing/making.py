"""One attempt to make the file of an export, from one moment of the database."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi.concurrency import contextmanager_in_threadpool
from sqlalchemy import Row, Select, func, select

from app.core.database import Database
from app.core.listing import PageQuery
from app.core.prepared import Values
from app.core.snapshots import Snapshot, snapshot
from app.features.transfers import settings
from app.features.transfers.declared import Transfer, declared
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
    query = transfer.query.model_validate(running.query)
    total = await _count(moment, transfer, query)
    if running.format is Format.XLSX and total > files.MOST_IN_A_SHEET:
        most = f"a sheet of XLSX has at most {files.MOST_IN_A_SHEET:,}"
        raise Refused(f"{total:,} rows: {most}; ask for fewer, for CSV or for Parquet")
    await exports.progress(database, running, total=total)
    columns = list(transfer.columns.values())
    writing = files.written(running.format, part, columns, running.created_at)
    done, told = 0, time.monotonic()
    async with contextmanager_in_threadpool(writing) as write:
        async for rows in _batches(moment, transfer, query):
            await asyncio.to_thread(write, rows)
            done += len(rows)
            if time.monotonic() - told >= TOLD_EVERY:
                await exports.progress(database, running, rows=done)
                told = time.monotonic()
            else:
                await exports.require_running(database.reads, running)
    return done


async def _count(moment: Snapshot, transfer: Transfer, query: PageQuery) -> int:
    statement, values = transfer.selecting(query)
    counting = select(func.count()).select_from(statement.order_by(None).subquery())
    ((count,),) = await _found(moment, counting, values)
    return int(count)


async def _batches(
    moment: Snapshot, transfer: Transfer, query: PageQuery
) -> AsyncIterator[Sequence[Row[Any]]]:
    """Yield the rows of a list, each batch by a statement of its own.

    asyncmy takes in whatever the server sends, so that one statement would be in memory as a whole.
    """
    statement, values = transfer.selecting(query)
    wanted = statement
    while rows := await _found(moment, wanted.limit(BATCH), values):
        yield rows
        if len(rows) < BATCH:
            return
        wanted = statement.where(transfer.after(rows[-1], query))


async def _found(moment: Snapshot, statement: Select[Any], values: Values) -> Sequence[Row[Any]]:
    return [row async for rows in moment.batches(statement, values, BATCH) for row in rows]


def _measured(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest
