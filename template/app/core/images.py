"""Since 0.8.0 this is `app.modules.profiles.images`; only `copier update` brings this file, until 0.9.0."""

import warnings

from app.modules.profiles.images import (
    FORMATS as FORMATS,
    MOST_PIXELS as MOST_PIXELS,
    NotAnImage as NotAnImage,
    THUMBNAIL_SIZE as THUMBNAIL_SIZE,
    THUMBNAIL_TYPE as THUMBNAIL_TYPE,
    media_type as media_type,
    thumbnail as thumbnail,
)

warnings.warn("app.core.images is app.modules.profiles.images now", DeprecationWarning, stacklevel=2)
