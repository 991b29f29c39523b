"""Optional slices of the backend: every module here is one, found by being here.

A feature installs itself into the api with `install(app)`. Nothing else knows it, so that removing
its files removes it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType


def found() -> Iterator[ModuleType]:
    """Yield every feature, in the order of their names."""
    for module in pkgutil.iter_modules(__path__):
        yield import_module(f"{__name__}.{module.name}")
