"""Since 0.8.0 this is `app.core.middleware`; only `copier update` brings this file, until 0.9.0."""

import warnings

from app.core.middleware import (
    BodyLimit as BodyLimit,
)

warnings.warn("app.core.limits is app.core.middleware now", DeprecationWarning, stacklevel=2)
