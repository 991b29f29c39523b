"""Since 0.8.0 this is `app.core.middleware`; only `copier update` brings this file, until 0.9.0."""

import warnings

from app.core.middleware import (
    ACCEPTED as ACCEPTED,
    COMMITTED as COMMITTED,
    HEADER as HEADER,
    QUIET as QUIET,
    RequestContext as RequestContext,
    UNCHANGED as UNCHANGED,
)

warnings.warn("app.core.http is app.core.middleware now", DeprecationWarning, stacklevel=2)
