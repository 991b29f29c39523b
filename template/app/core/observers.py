"""Since 0.8.0 this is `app.core.job_hooks`; only `copier update` brings this file."""

import warnings

from app.core.job_hooks import (
    JobHook as Observer,
)
from app.core.job_hooks import (
    attempt,
    count,
    headers,
)
from app.core.job_hooks import (
    register as observe,
)
from app.core.job_hooks import (
    unregister as ignore,
)

__all__ = [
    "Observer",
    "attempt",
    "count",
    "headers",
    "ignore",
    "observe",
]

warnings.warn("app.core.observers is app.core.job_hooks now", DeprecationWarning, stacklevel=2)
