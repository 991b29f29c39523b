"""Since 0.8.0 this is `app.core.engines`; only `copier update` brings this file."""

import warnings

from app.core.engines import (
    CommitOutcomeUnknown as Unconfirmed,
)
from app.core.engines import (
    DatabaseUnavailable as DatabaseAway,
)
from app.core.engines import (
    before_commit,
    during_commit,
)

__all__ = [
    "DatabaseAway",
    "Unconfirmed",
    "before_commit",
    "during_commit",
]

warnings.warn("app.core.outages is app.core.engines now", DeprecationWarning, stacklevel=2)
