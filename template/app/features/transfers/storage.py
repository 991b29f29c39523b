"""Where files are kept: a folder, or a bucket of S3 where the settings name one.

A file is made under the folder in any case, and is there for others when it is whole.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

import botocore.config  # type: ignore[import-untyped]
import botocore.exceptions  # type: ignore[import-untyped]
import botocore.session  # type: ignore[import-untyped]

from app.features.transfers import settings
from app.features.transfers.settings import TransferSettings

CHUNK = 256 * 1024
# S3 takes at most 10,000 parts, of at least 5 MiB: this is enough for 78 GiB, and is in memory.
PART = 8 * 1024 * 1024
# What a file in the making is called.
PARTIAL = ".part"


class NoFile(Exception):
    """There is no file of that name any more."""


class Storage(Protocol):
    """Files by name, as in `exports/ID/1.csv`; the part before the last slash is their folder."""

    async def publish(self, part: Path, name: str) -> None:
        """Make a local file, which is whole and closed, the one of this name; `part` is gone."""

    def read(self, name: str, first: int, size: int) -> AsyncIterator[bytes]:
        """Yield `size` bytes from `first` on; raises NoFile before the first."""

    async def remove(self, folder: str) -> None:
        """Remove all files of a folder, however many there are."""


class Folder:
    """Files in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def publish(self, part: Path, name: str) -> None:
        await asyncio.to_thread(_rename, part, self._root / name)

    async def read(self, name: str, first: int, size: int) -> AsyncIterator[bytes]:
        try:
            file = await asyncio.to_thread((self._root / name).open, "rb")
        except FileNotFoundError:
            raise NoFile(name) from None
        with file:
            file.seek(first)
            while size > 0 and (chunk := await asyncio.to_thread(file.read, min(CHUNK, size))):
                size -= len(chunk)
                yield chunk

    async def remove(self, folder: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self._root / folder, ignore_errors=True)


class Bucket:
    """Files in a bucket of S3, or of a server that speaks as it does."""

    def __init__(self, own: TransferSettings) -> None:
        config = botocore.config.Config(retries={"mode": "standard", "total_max_attempts": 4})
        self._client: Any = botocore.session.get_session().create_client(
            "s3",
            config=config,
            region_name=own.transfers_s3_region,
            endpoint_url=own.transfers_s3_endpoint,
        )
        self._bucket = own.transfers_s3_bucket
        self._prefix = own.transfers_s3_prefix

    async def publish(self, part: Path, name: str) -> None:
        await asyncio.to_thread(self._upload, part, self._place(name))
        await asyncio.to_thread(part.unlink)

    async def read(self, name: str, first: int, size: int) -> AsyncIterator[bytes]:
        wanted = self._place(name) | {"Range": f"bytes={first}-{first + size - 1}"}
        try:
            body = (await asyncio.to_thread(self._client.get_object, **wanted))["Body"]
        except botocore.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
                raise NoFile(name) from error
            raise
        try:
            while chunk := await asyncio.to_thread(body.read, CHUNK):
                yield chunk
        finally:
            body.close()

    async def remove(self, folder: str) -> None:
        await asyncio.to_thread(self._remove, f"{self._prefix}{folder}/")

    def _place(self, name: str) -> dict[str, str]:
        return {"Bucket": str(self._bucket), "Key": f"{self._prefix}{name}"}

    def _upload(self, part: Path, place: dict[str, str]) -> None:
        """Send a file part by part; it is there as soon as the last request says so."""
        upload = {"UploadId": self._client.create_multipart_upload(**place)["UploadId"]}
        try:
            sent = [
                {"PartNumber": number, "ETag": self._send(place | upload, number, body)}
                for number, body in enumerate(_parts(part), start=1)
            ]
            self._client.complete_multipart_upload(
                **place, **upload, MultipartUpload={"Parts": sent}
            )
        except BaseException:
            # What was sent would be kept, and paid for, for ever.
            with suppress(botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                self._client.abort_multipart_upload(**place, **upload)
            raise

    def _send(self, place: dict[str, str], number: int, body: bytes) -> str:
        return str(self._client.upload_part(**place, PartNumber=number, Body=body)["ETag"])

    def _remove(self, prefix: str) -> None:
        place = {"Bucket": self._bucket, "Prefix": prefix}
        for page in self._client.get_paginator("list_objects_v2").paginate(**place):
            for each in page.get("Contents", ()):
                self._client.delete_object(Bucket=self._bucket, Key=each["Key"])
        # A process that was killed has left its own.
        for page in self._client.get_paginator("list_multipart_uploads").paginate(**place):
            for each in page.get("Uploads", ()):
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=each["Key"], UploadId=each["UploadId"]
                )


_opened: list[tuple[TransferSettings, Storage]] = []


def storage() -> Storage:
    """Return where the files of this process are, by its settings."""
    own = settings.own()
    if not _opened or _opened[0][0] != own:
        kept = Bucket(own) if own.transfers_s3_bucket else Folder(own.transfers_folder)
        _opened[:] = [(own, kept)]
    return _opened[0][1]


def workplace(folder: str) -> Path:
    """Return where on this machine files of a folder are made; it need not exist yet."""
    return settings.own().transfers_folder / folder


@asynccontextmanager
async def local(name: str, size: int) -> AsyncIterator[Path]:
    """Yield a file as one of this machine, for what must go back and forth in it.

    A copy, where it lies elsewhere, which is removed afterwards; raises NoFile.
    """
    here = settings.own().transfers_folder / name
    if settings.own().transfers_s3_bucket is None:
        if not here.exists():
            raise NoFile(name)
        yield here
        return
    copy = here.with_name(f"{here.name}{PARTIAL}")
    await asyncio.to_thread(copy.parent.mkdir, parents=True, exist_ok=True)
    try:
        with copy.open("wb") as file:
            async for chunk in storage().read(name, 0, size):
                await asyncio.to_thread(file.write, chunk)
        yield copy
    finally:
        await asyncio.to_thread(copy.unlink, missing_ok=True)


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


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        # An empty file is one empty part.
        yield file.read(PART)
        while part := file.read(PART):
            yield part
