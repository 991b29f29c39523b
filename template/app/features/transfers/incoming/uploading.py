"""A file as it comes: onto the disk while it is counted and digested, and then into the storage."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from app.core.errors import InvalidInput, TooLarge
from app.features.transfers.declared import Transfer
from app.features.transfers.incoming import archives, checking, settings
from app.features.transfers.incoming.checking import in_thread
from app.features.transfers.incoming.imports import UPLOADS, Upload
from app.features.transfers.incoming.reading import Stated, is_workbook
from app.features.transfers.incoming.tables import Unreadable
from app.features.transfers.storage import PARTIAL, workplace

CHUNK = 1024 * 1024


@asynccontextmanager
async def uploaded(
    stream: AsyncIterator[bytes], transfer: Transfer, stated: Stated
) -> AsyncIterator[tuple[Upload, Path]]:
    """Yield what comes as a file that can be read; raises TooLarge or InvalidInput."""
    async with workplace(f"{UPLOADS}/{uuid4()}") as place:
        part = place / f"file{PARTIAL}"
        upload = await _store(stream, part)
        await in_thread(_require_readable, part, transfer, stated)
        yield upload, part


async def _store(stream: AsyncIterator[bytes], part: Path) -> Upload:
    most = settings.own().transfers_most_bytes
    digest, size, pending = hashlib.sha256(), 0, bytearray()
    with part.open("wb") as file:

        def write(data: bytes) -> None:
            digest.update(data)
            file.write(data)

        async for chunk in stream:
            size += len(chunk)
            _require_short(size, most)
            pending += chunk
            if len(pending) >= CHUNK:
                await in_thread(write, bytes(pending))
                pending.clear()
        await in_thread(write, bytes(pending))
    if size == 0:
        raise InvalidInput("body", "is empty")
    return Upload(size, digest.hexdigest())


def _require_short(size: int, most: int) -> None:
    if size > most:
        error = TooLarge(f"a file has at most {most} bytes")
        # Nobody reads the rest, so nothing else can be read from this connection.
        error.headers = {"Connection": "close"}
        raise error


def _require_readable(path: Path, transfer: Transfer, stated: Stated) -> None:
    """Look at what can be seen soon: of a workbook, its texts come before its header."""
    try:
        if is_workbook(path):
            with archives.opened(path, settings.own().transfers_most_unpacked):
                return
        table, _ = checking.opened(path, transfer, stated)
        table.close()
    except Unreadable as error:
        raise InvalidInput("body", str(error)) from error
