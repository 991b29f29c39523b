"""Since 0.8.0 this is `app.core.middleware`; only `copier update` brings this file."""

import warnings

from app.core.middleware import (
    ACCEPTED,
    COMMITTED,
    HEADER,
    QUIET,
    UNCHANGED,
    RequestContext,
)

__all__ = [
    "ACCEPTED",
    "COMMITTED",
    "HEADER",
    "QUIET",
    "UNCHANGED",
    "RequestContext",
]

warnings.warn("app.core.http is app.core.middleware now", DeprecationWarning, stacklevel=2)
