"""Uploaded images: told apart from what only claims to be one, and made small."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageOps

from app.modules.profiles.affordable import TooExpensive, opened, reduce_to

FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
THUMBNAIL_TYPE = "image/webp"
THUMBNAIL_SIZE = (256, 256)


class NotAnImage(ValueError):
    """The bytes are no image of an accepted format and size."""


def media_type(data: bytes) -> str:
    """Return the media type that the bytes themselves show; raises NotAnImage."""
    try:
        with opened(data, formats=list(FORMATS)) as image:
            return FORMATS[str(image.format)]
    except TooExpensive as error:
        raise NotAnImage(str(error)) from error
    except Exception as error:  # decoders raise of every kind
        raise NotAnImage(f"is not an image of type {', '.join(FORMATS)}") from error


def thumbnail(data: bytes) -> bytes:
    """Return a square WebP of the image, cropped to its centre and turned the right way up."""
    with opened(data, formats=list(FORMATS)) as image:
        reduce_to(image, 2 * max(THUMBNAIL_SIZE))
        upright = ImageOps.exif_transpose(image).convert("RGB")
        small = ImageOps.fit(upright, THUMBNAIL_SIZE, Image.Resampling.LANCZOS)
    target = BytesIO()
    small.save(target, "WEBP", quality=82)
    return target.getvalue()
