"""Since 0.8.0 this is `app.settings`; only `copier update` brings this file."""

import warnings

from app.settings import (
    ROOT,
    Project,
    read_project,
)

__all__ = [
    "ROOT",
    "Project",
    "read_project",
]

warnings.warn("app.core.project is app.settings now", DeprecationWarning, stacklevel=2)
