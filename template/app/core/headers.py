"""Since 0.8.0 this is `app.core.middleware`; only `copier update` brings this file."""

import warnings

from app.core.middleware import (
    ALWAYS,
    CONTENT_POLICY,
    OVER_HTTPS,
    RawHeaders,
)

__all__ = [
    "ALWAYS",
    "CONTENT_POLICY",
    "OVER_HTTPS",
    "RawHeaders",
]

warnings.warn("app.core.headers is app.core.middleware now", DeprecationWarning, stacklevel=2)
