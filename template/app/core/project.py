"""Since 0.8.0 this is `app.settings`; only `copier update` brings this file, until 0.9.0."""

import warnings

from app.settings import (
    Project as Project,
    ROOT as ROOT,
    read_project as read_project,
)

warnings.warn("app.core.project is app.settings now", DeprecationWarning, stacklevel=2)
