"""Since 0.8.0 this is `app.core.middleware`; only `copier update` brings this file, until 0.9.0."""

import warnings

from app.core.middleware import (
    ALWAYS as ALWAYS,
    CONTENT_POLICY as CONTENT_POLICY,
    OVER_HTTPS as OVER_HTTPS,
    RawHeaders as RawHeaders,
    SecurityHeaders as SecurityHeaders,
)

warnings.warn("app.core.headers is app.core.middleware now", DeprecationWarning, stacklevel=2)
