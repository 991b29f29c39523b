"""What a picture of a stranger may cost: some are made to be expensive, in a few bytes.

Bounded are memory and the steps through a picture's structure; what its profiles are unpacked to
is, by Pillow.
"""

from __future__ import annotations

from io import BytesIO

from PIL import Image

# Bytes that decoding takes for each pixel at most: a JPEG is decoded smaller than it is.
BYTES_PER_PIXEL = {"JPEG": 3, "PNG": 8, "WEBP": 16}
MOST_BYTES = 100_000_000
MOST_ROWS = 20_000
# A picture is read in pieces, a few for each of its parts: hundreds of them, and never so many.
MOST_READS = 20_000


class TooExpensive(ValueError):
    """It would cost more than a picture may."""


class Pieces(BytesIO):
    """Bytes that can be read in so many pieces, and not in more."""

    left = MOST_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise TooExpensive("consists of too many parts")
        return super().read(size)


def opened(data: bytes, formats: list[str]) -> Image.Image:
    """Return a picture that is not decoded yet; raises TooExpensive, and what Pillow raises."""
    image = Image.open(Pieces(data), formats=formats)
    most = MOST_BYTES // BYTES_PER_PIXEL[str(image.format)]
    if image.width * image.height > most:
        millions = f"{most / 1_000_000:.0f} million pixels"
        raise TooExpensive(f"has more than {millions}, the most for {image.format}")
    if image.height > MOST_ROWS:
        raise TooExpensive(f"is higher than {MOST_ROWS} pixels")
    return image


def reduce_to(image: Image.Image, side: int) -> None:
    """Bring a larger picture down in a cheap way, until its shorter side is as long as `side`."""
    scale = side / min(image.size)
    image.thumbnail((image.width * scale, image.height * scale), Image.Resampling.BOX)
