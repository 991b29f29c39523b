"""The modules of the domain, a folder each. Those in MODULES are part of the service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from fastapi import APIRouter

MODULES = ("profiles",)

_THIS_FILE = "app/modules/__init__.py"


class UnlistedModule(Exception):
    """The folders of this package and MODULES do not agree."""


def load_models() -> None:
    """Map every module's tables; raises UnlistedModule."""
    _require_listed(Path(__file__).parent)
    tuple(files("models"))


def load_jobs() -> None:
    for file in ("jobs", "tasks"):  # what they were called before 0.8.0
        tuple(files(file))


def routers() -> Iterator[tuple[str, APIRouter]]:
    """Yield each `router` in a file of a module, after what MODULES calls the module."""
    found = {path.stem for path in Path(__file__).parent.glob("*/[!_]*.py")}
    for name in sorted({"endpoints", *found}):
        yield from ((each, file.router) for each, file in files(name) if hasattr(file, "router"))


def files(file: str) -> Iterator[tuple[str, ModuleType]]:
    """Yield what each module is listed as that has this file, and it; each file is optional.

    A module that lies elsewhere is listed by its whole path, as in `shared.audit`.
    """
    for listed in _listed():
        package = listed if "." in listed else f"{__name__}.{listed}"
        if find_spec(f"{package}.{file}") is not None:
            yield listed, import_module(f"{package}.{file}")


def _listed() -> Sequence[str]:
    return MODULES


def _require_listed(here: Path) -> None:
    folders = {path.parent.name for path in here.glob("*/*.py")}
    listed = {name for name in _listed() if "." not in name}
    for name in sorted(folders - listed):
        message = f"app/modules/{name} is not listed: add {name!r} to MODULES in {_THIS_FILE}"
        raise UnlistedModule(message)
    for name in sorted(listed):
        if not (here / name / "__init__.py").is_file():
            message = f"{_THIS_FILE} lists {name!r}, and there is no app/modules/{name}/__init__.py"
            raise UnlistedModule(message)
