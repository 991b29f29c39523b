"""Since 0.8.0 this is `app.core.jobs`; only `copier update` brings this file."""

import warnings

from app.core.jobs import (
    wait_for_event as happens,
)

__all__ = [
    "happens",
]

warnings.warn("app.core.clock is app.core.jobs now", DeprecationWarning, stacklevel=2)
