"""Since 0.8.0 this is `app.core.engines`; only `copier update` brings this file, until 0.9.0."""

import warnings

from app.core.engines import (
    CommitOutcomeUnknown as Unconfirmed,
    DatabaseUnavailable as DatabaseAway,
    before_commit as before_commit,
    during_commit as during_commit,
)

warnings.warn("app.core.outages is app.core.engines now", DeprecationWarning, stacklevel=2)
