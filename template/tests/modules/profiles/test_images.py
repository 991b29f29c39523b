"""Pictures of strangers: what is none is told as that, whenever it is found out."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from app.modules.profiles import images
from app.modules.profiles.affordable import MOST_READS
from app.modules.profiles.images import THUMBNAIL_SIZE, NotAnImage


def saved(image: Image.Image, kind: str) -> bytes:
    target = BytesIO()
    image.save(target, kind)
    return target.getvalue()


JPEG = saved(Image.new("RGB", (300, 200), "crimson"), "JPEG")
MARKER = b"\xff\xe5\0\2"


@pytest.mark.parametrize("data", [b"", saved(Image.new("L", (8, 8)), "GIF"), JPEG[:20]])
def test_what_does_not_begin_as_one_is_none(data: bytes) -> None:
    with pytest.raises(NotAnImage, match="JPEG, PNG, WEBP"):
        images.media_type(data)


def test_one_of_many_parts_is_none() -> None:
    with pytest.raises(NotAnImage, match="too many parts"):
        images.media_type(JPEG[:2] + MARKER * MOST_READS + JPEG[2:])


def test_what_goes_on_as_something_else_is_none() -> None:
    half = JPEG[: len(JPEG) // 2]
    assert images.media_type(half) == "image/jpeg"
    with pytest.raises(OSError, match="truncated"):
        images.thumbnail(half)


@pytest.mark.parametrize("size", [(1, 1), (4000, 1), (900, 3000)])
def test_any_shape_becomes_a_square(size: tuple[int, int]) -> None:
    small = images.thumbnail(saved(Image.new("P", size), "PNG"))
    assert Image.open(BytesIO(small)).size == THUMBNAIL_SIZE
