"""Pictures that are made to be expensive, by upload: told as none, and nobody waits for them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.rendered.attacks.others import others_served
from tests.rendered.processes import Backend, create_profile, members
from tests.rendered.servers import running_redis
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

MEBIBYTE = 2**20
# What pictures may take beyond a worker that has made one small thumbnail.
MOST_GROWTH = 150 * MEBIBYTE
HEADER = b"\x89PNG\r\n\x1a\n"


def part(kind: bytes, data: bytes = b"") -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def png(
    size: tuple[int, int], parts: bytes = b"", *, color: int = 0, pixels: bytes | None = None
) -> bytes:
    """Return a PNG with more parts before its pixels, all 0; `color` is as in its header."""
    width, height = size
    row = 1 + width * {0: 1, 2: 3, 3: 1, 6: 4}[color]
    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    packed = zlib.compress(bytes(row * height), 9) if pixels is None else pixels
    return HEADER + part(b"IHDR", header) + parts + part(b"IDAT", packed) + part(b"IEND")


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    target = BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def unpacking(kind: bytes) -> bytes:
    return part(kind, b"x\0\0" + zlib.compress(bytes(60_000_000)))


def jpeg() -> bytes:
    return saved(Image.new("RGB", (300, 200), "crimson"), "JPEG")


def within_jpeg(filling: bytes) -> bytes:
    data = jpeg()
    return data[:2] + filling + data[2:]


Make = Callable[[], bytes]
REFUSED: dict[str, Make] = {
    "a beginning": lambda: HEADER + b"broken",
    "another format": lambda: saved(Image.new("L", (8, 8)), "GIF"),
    "a profile of 60 MB": lambda: png((8, 8), unpacking(b"iCCP")),
    "a text of 60 MB": lambda: png((8, 8), unpacking(b"zTXt")),
    "200,000 parts": lambda: png((8, 8), part(b"teXt") * 200_000),
    "a million markers": lambda: within_jpeg(b"\xff\xe5\0\2" * 1_000_000),
    "millions of fill bytes": lambda: within_jpeg(b"\xff" * 4_000_000),
    "40 million pixels": lambda: png((8000, 5000), color=6),
    "billions of pixels": lambda: png((60_000, 60_000), pixels=b""),
    "many rows": lambda: png((1, 100_000)),
    "WebP, twice its pixels": lambda: saved(Image.new("RGB", (4000, 4000)), "WEBP", lossless=True),
}
FAILED: dict[str, Make] = {
    "truncated": lambda: jpeg()[:700],
    "no pixels": lambda: png((8, 8), pixels=b""),
    "a wrong checksum": lambda: png((8, 8))[:-20] + bytes(20),
    "pixels that are none": lambda: png((8, 8), pixels=b"none"),
}
READY: dict[str, Make] = {
    "all of its pixels": lambda: png((4000, 3100), color=6),
    "all of its pixels, WebP": lambda: saved(
        Image.new("RGBA", (3000, 2000), (9, 9, 9, 9)), "WEBP", lossless=True
    ),
    "all of its pixels, progressive": lambda: saved(
        Image.new("RGB", (8000, 4000)), "JPEG", progressive=True
    ),
    "all of its pixels in a row": lambda: png((12_000_000, 1)),
    "a palette": lambda: png((4000, 3000), part(b"PLTE", bytes(768)), color=3),
    "another file behind it": lambda: jpeg() + b"PK\3\4" + bytes(1000),
    "for print": lambda: saved(Image.new("CMYK", (100, 80)), "JPEG"),
}
EXPECTED = {
    **dict.fromkeys(REFUSED, "refused"),
    **dict.fromkeys(FAILED, "failed"),
    **dict.fromkeys(READY, "ready"),
}


def test_each_is_told_as_what_it_is_while_others_are_served(
    backend: Backend, tmp_path: Path
) -> None:
    with running_redis(tmp_path) as (url, _):
        _, client = backend.start_api(REDIS_URL=url)
        worker = backend.spawn([backend.python, "-m", "app", "worker"], REDIS_URL=url)
        assert told_of(client, {"a small one": jpeg}) == {"a small one": "ready"}
        before = most_memory(worker.pid)
        assert told_of(client, {**REFUSED, **FAILED, **READY}) == EXPECTED
        assert most_memory(worker.pid) - before < MOST_GROWTH


def told_of(client: httpx.Client, pictures: dict[str, Make]) -> dict[str, str]:
    """Upload each picture; return what becomes of it."""
    told: dict[str, str] = {}
    paths: dict[str, str] = {}
    with others_served(client):
        for number, (name, make) in enumerate(pictures.items(), start=len(pictures)):
            path = create_profile(client, number)
            answer = client.put(f"{path}/headshot", files={"image": make()}, timeout=60)
            if answer.status_code == 422:
                told[name] = "refused"
            else:
                assert answer.status_code == 202, name
                paths[name] = path
        for name, path in paths.items():
            wait_until(lambda: state(client, path) != "processing", name)  # noqa: B023
            told[name] = state(client, path)
    return told


def state(client: httpx.Client, path: str) -> str:
    return str(client.get(path).json()["data"]["headshot"])


def most_memory(group: int) -> int:
    """Return the most bytes that a process of a group has had in memory."""
    found = [Path(f"/proc/{pid}/status").read_text() for pid in members(group)]
    lines = [line for each in found for line in each.splitlines() if line.startswith("VmHWM")]
    return max(int(line.split()[1]) for line in lines) * 1024
