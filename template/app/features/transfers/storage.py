"""Where files are kept: a folder, or a bucket of S3 where the settings name one.

A file is made under the folder in any case, and is there for others when it is whole.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from app.features.transfers import settings
from app.features.transfers.settings import TransferSettings

CHUNK = 256 * 1024
# Where files are until they are whole, and what they are called there.
MAKING = "making"
PARTIAL = ".part"
ABANDONED = timedelta(days=1)


class NoFile(Exception):
    """There is no file of that name any more."""


class Storage(Protocol):
    """Files by name, as in `exports/ID/1.csv`; the part before the last slash is their folder."""

    async def publish(self, part: Path, name: str) -> None:
        """Make a local file, which is whole and closed, the one of this name; `part` is gone."""

    def read(self, name: str, first: int, size: int) -> AsyncGenerator[bytes, None]:
        """Yield `size` bytes from `first` on; raises NoFile before the first."""

    async def remove(self, folder: str) -> None:
        """Remove all files of a folder, however many there are."""


class Folder:
    """Files in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def publish(self, part: Path, name: str) -> None:
        await asyncio.to_thread(_rename, part, self._root / name)

    def path(self, name: str) -> Path:
        """Return where the file is; raises NoFile."""
        if not (path := self._root / name).is_file():
            raise NoFile(name)
        return path

    async def read(self, name: str, first: int, size: int) -> AsyncGenerator[bytes, None]:
        with await asyncio.to_thread(self.path(name).open, "rb") as file:
            file.seek(first)
            while size > 0 and (chunk := await asyncio.to_thread(file.read, min(CHUNK, size))):
                size -= len(chunk)
                yield chunk

    async def remove(self, folder: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self._root / folder, ignore_errors=True)


_opened: list[tuple[TransferSettings, Storage]] = []


def storage() -> Storage:
    """Return where the files of this process are, by its settings."""
    own = settings.own()
    if not _opened or _opened[0][0] is not own:
        _opened[:] = [(own, _open(own))]
    return _opened[0][1]


def _open(own: TransferSettings) -> Storage:
    if own.transfers_s3_bucket is None:
        return Folder(own.transfers_folder)
    from app.features.transfers.bucket import Bucket  # noqa: PLC0415 - only this one pays for it

    return Bucket(own)


@asynccontextmanager
async def workplace(folder: str) -> AsyncIterator[Path]:
    """Yield an empty folder of this machine to make files in; it is removed afterwards."""
    place = _being_made(folder)
    await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
    await asyncio.to_thread(place.mkdir, parents=True)
    try:
        yield place
    finally:
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


async def remove(folder: str) -> None:
    """Remove a folder's files, and what a process that was killed has left in making them."""
    await asyncio.to_thread(shutil.rmtree, _being_made(folder), ignore_errors=True)
    await storage().remove(folder)


async def clear_abandoned(kind: str) -> None:
    """Remove what processes that have died were making in folders `KIND/…`, a day ago or longer."""
    before = (datetime.now(UTC) - ABANDONED).timestamp()
    await asyncio.to_thread(_clear, _being_made(kind), before)


async def opened(name: str, first: int, size: int) -> AsyncIterator[bytes]:
    """Return bytes of a file, of which the first have been read; raises NoFile.

    Whether it is there must be known before an answer begins.
    """
    chunks = storage().read(name, first, size)
    beginning = await anext(chunks, b"")

    async def content() -> AsyncIterator[bytes]:
        # Also when whoever fetches it leaves.
        async with aclosing(chunks):
            yield beginning
            async for chunk in chunks:
                yield chunk

    return content()


@asynccontextmanager
async def local(name: str, size: int) -> AsyncIterator[Path]:
    """Yield a file as one of this machine, for what must go back and forth in it.

    A copy, where it lies elsewhere; raises NoFile.
    """
    kept = storage()
    if isinstance(kept, Folder):
        yield kept.path(name)
        return
    async with workplace(f"copies/{uuid4()}") as place:
        copy = place / "copy"
        with copy.open("wb") as file:
            async for chunk in kept.read(name, 0, size):
                await asyncio.to_thread(file.write, chunk)
        yield copy


def _clear(kind: Path, before: float) -> None:
    for place in kind.glob("*"):
        with suppress(FileNotFoundError):
            if place.stat().st_mtime < before:
                shutil.rmtree(place)


def _being_made(folder: str) -> Path:
    return settings.own().transfers_folder / MAKING / folder


def _rename(part: Path, to: Path) -> None:
    """Give a file its name once its bytes are on the disk, and keep the name there too."""
    to.parent.mkdir(parents=True, exist_ok=True)
    _sync(part)
    part.replace(to)
    _sync(to.parent)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
