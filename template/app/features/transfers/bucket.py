"""Files in a bucket of S3, or of a server that speaks as it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import botocore.config  # type: ignore[import-untyped]
import botocore.exceptions  # type: ignore[import-untyped]
import botocore.session  # type: ignore[import-untyped]

from app.features.transfers.settings import TransferSettings
from app.features.transfers.storage import CHUNK, NoFile

# S3 takes at most 10,000 parts, of at least 5 MiB: this is enough for 78 GiB, and is in memory.
PART = 8 * 1024 * 1024
# What other servers than Amazon's cannot be relied on to know: names of buckets as names of hosts,
# and checksums after the body.
OF_OTHERS: dict[str, Any] = {
    "s3": {"addressing_style": "path"},
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}


class Bucket:
    """A bucket, by a client that blocks: each of its requests is in a thread."""

    def __init__(self, own: TransferSettings) -> None:
        retries = {"mode": "standard", "total_max_attempts": 4}
        others = OF_OTHERS if own.transfers_s3_endpoint else {}
        config = botocore.config.Config(retries=retries, **others)
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

    async def read(self, name: str, first: int, size: int) -> AsyncGenerator[bytes, None]:
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


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        # An empty file is one empty part.
        yield file.read(PART)
        while part := file.read(PART):
            yield part
