"""Since 0.8.0 this is `app.core.middleware`; only `copier update` brings this file."""

import warnings

from app.core.middleware import (
    BodyLimit,
)

__all__ = [
    "BodyLimit",
]

warnings.warn("app.core.limits is app.core.middleware now", DeprecationWarning, stacklevel=2)
