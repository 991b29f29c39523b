"""Since 0.8.0 this is `app.core.runner`; only `copier update` brings this file."""

import warnings

from app.core.runner import (
    JobProcess,
    Surrounding,
    surround,
)

__all__ = [
    "JobProcess",
    "Surrounding",
    "surround",
]

warnings.warn("app.core.process is app.core.runner now", DeprecationWarning, stacklevel=2)
