"""Since 0.8.0 this is `app.modules.profiles.images`; only `copier update` brings this file."""

import warnings

from app.modules.profiles.images import (
    FORMATS,
    THUMBNAIL_SIZE,
    THUMBNAIL_TYPE,
    NotAnImage,
    media_type,
    thumbnail,
)

__all__ = [
    "FORMATS",
    "THUMBNAIL_SIZE",
    "THUMBNAIL_TYPE",
    "NotAnImage",
    "media_type",
    "thumbnail",
]

warnings.warn(
    "app.core.images is app.modules.profiles.images now", DeprecationWarning, stacklevel=2
)
