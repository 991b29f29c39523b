"""The modules of the domain, a folder each. Those in MODULES are part of the service."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from fastapi import APIRouter

MODULES = ("profiles",)


class UnlistedModule(Exception):
    """The folders of this package and MODULES do not agree."""


def load_models() -> None:
    """Map every module's tables; raises UnlistedModule."""
    _require_listed(Path(__file__).parent)
    tuple(_files("models"))


def load_tasks() -> None:
    """Register every module's actors."""
    tuple(_files("tasks"))


def routers() -> dict[str, APIRouter]:
    """Return the endpoints of every module that has some."""
    return {name: file.router for name, file in _files("endpoints")}


def _files(file: str) -> Iterator[tuple[str, ModuleType]]:
    """Yield the name of each module that has this file, and the file; each file is optional.

    A module that lies elsewhere is listed by its whole path, as in `shared.audit`.
    """
    for listed in MODULES:
        package = listed if "." in listed else f"{__name__}.{listed}"
        if find_spec(f"{package}.{file}") is not None:
            yield package.rpartition(".")[2], import_module(f"{package}.{file}")


def _require_listed(here: Path) -> None:
    folders = {path.parent.name for path in here.glob("*/*.py")}
    listed = {name for name in MODULES if "." not in name}
    for name in sorted(folders ^ listed):
        place = f"app/modules/{name}"
        message = (
            f"{place} is no part of the service: add {name!r} to MODULES in app/modules/__init__.py"
            if name in folders
            else f"MODULES in app/modules/__init__.py names {name!r}, and there is no {place}"
        )
        raise UnlistedModule(message)
