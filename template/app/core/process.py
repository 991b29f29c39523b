"""Since 0.8.0 this is `app.core.runner`; only `copier update` brings this file, until 0.9.0."""

import warnings

from app.core.runner import (
    JobProcess as JobProcess,
    Surrounding as Surrounding,
    make_relay as make_relay,
    surround as surround,
)

warnings.warn("app.core.process is app.core.runner now", DeprecationWarning, stacklevel=2)
