"""Uploaded images: told apart from what only claims to be one, and made small."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
MOST_PIXELS = 40_000_000
THUMBNAIL_TYPE = "image/webp"
THUMBNAIL_SIZE = (256, 256)


class NotAnImage(ValueError):
    """The bytes are no image of an accepted format and size."""


def media_type(data: bytes) -> str:
    """Return the media type that the bytes themselves show; raises NotAnImage."""
    try:
        with Image.open(BytesIO(data), formats=list(FORMATS)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise NotAnImage(f"has more than {MOST_PIXELS // 1_000_000} million pixels")
            return FORMATS[str(image.format)]
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise NotAnImage(f"is not an image of type {', '.join(FORMATS)}") from error


def thumbnail(data: bytes) -> bytes:
    """Return a square WebP of the image, cropped to its centre and turned the right way up."""
    with Image.open(BytesIO(data), formats=list(FORMATS)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
        small = ImageOps.fit(upright, THUMBNAIL_SIZE, Image.Resampling.LANCZOS)
    target = BytesIO()
    small.save(target, "WEBP", quality=82)
    return target.getvalue()
