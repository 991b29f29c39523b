"""Since 0.8.0 this is `app.core.job_hooks`; only `copier update` brings this file, until 0.9.0."""

import warnings

from app.core.job_hooks import (
    JobHook as Observer,
    attempt as attempt,
    count as count,
    headers as headers,
    register as observe,
    unregister as ignore,
)

warnings.warn("app.core.observers is app.core.job_hooks now", DeprecationWarning, stacklevel=2)
