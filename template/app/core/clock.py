"""Since 0.8.0 this is `app.core.jobs`; only `copier update` brings this file, until 0.9.0."""

import warnings

from app.core.jobs import (
    wait_for_event as happens,
)

warnings.warn("app.core.clock is app.core.jobs now", DeprecationWarning, stacklevel=2)
