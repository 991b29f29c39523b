"""Which interpreter of exactly the pinned version is on this machine, and is it whole?"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from bootstrap import pyenv
from bootstrap.language import Said
from bootstrap.machine.facts.interpreter import defect
from bootstrap.machine.facts.venv import base_python, python_version, settings_of
from bootstrap.processes import probe
from bootstrap.versions import minor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootstrap.machine.pins import Pins


class PythonFact(NamedTuple):
    """`pyenv` is its root, where there is one; `defect`: why an installed Python is unusable."""

    executable: Path | None
    provider: Literal["pyenv", "uv", "system", "running", "venv"] | None
    pyenv: Path | None
    defect: str | None = None


def look(pins: Pins, *, closely: bool) -> PythonFact:
    """Ask the file system: starting pyenv costs a tenth of a second, a folder listing nothing.

    `closely` asks the interpreter too, before anything is built on it.
    """
    if pins.provider != "pyenv":
        return _look_elsewhere(pins)
    root = pyenv.root(os.environ)
    found = root if root.is_dir() else None
    prefix = root / "versions" / pins.python
    executable = pyenv.executable(prefix, pins.python)
    wrong = _defect(prefix, executable, pins.python, closely=closely)
    if executable and wrong is None:
        return PythonFact(executable, "pyenv", found)
    if wrong is None and (base := _under_venv(pins, closely=closely)):
        return PythonFact(base, "venv", found)
    if running := _running(pins.python):
        return PythonFact(running, "running", found)
    if managed := _managed_by_uv(pins.python):
        return PythonFact(managed, "uv", found)
    return PythonFact(None, None, found, wrong)


def _look_elsewhere(pins: Pins) -> PythonFact:
    find = _managed_by_uv if pins.provider == "uv" else _on_path
    executable = find(pins.python)
    return PythonFact(executable, pins.provider if executable else None, None)


def _managed_by_uv(version: str) -> Path | None:
    """Where uv keeps the Pythons it has downloaded."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    folder = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path(home) / "uv" / "python")
    prefixes = sorted(folder.glob(f"cpython-{version}-*"))
    found = (pyenv.executable(prefix, version) for prefix in prefixes)
    return next((path for path in found if path), None)


def _on_path(version: str) -> Path | None:
    """The first interpreter on PATH that says it is exactly this one."""
    return next((at for at, says in _all_on_path(version) if says == version), None)


def another_patch(version: str) -> str:
    """The version on PATH that differs only in its last number; empty where there is none."""
    found = (says for _, says in _all_on_path(version) if minor(says) == minor(version))
    return next(found, "")


def _all_on_path(version: str) -> Iterator[tuple[Path, str]]:
    for name in (f"python{minor(version)}", "python3", "python"):
        if program := shutil.which(name):
            yield Path(program), probe((program, "-V")).output.removeprefix("Python ")


def _defect(prefix: Path, executable: Path | None, version: str, *, closely: bool) -> str | None:
    if pyenv.marker(prefix).exists():
        return Said("the build of Python {version} was interrupted", version=version)
    if executable is None:
        return (
            Said("{prefix} has no working interpreter", prefix=prefix) if prefix.is_dir() else None
        )
    if not closely:
        return None
    wrong = defect(executable, version)
    return (
        Said("Python {version} cannot be used: {wrong}", version=version, wrong=wrong)
        if wrong
        else None
    )


def _under_venv(pins: Pins, *, closely: bool) -> Path | None:
    """The Python that the project's venv was made from, wherever it is.

    An IDE or cron has not the PYENV_ROOT of a shell, by which it would be found.
    """
    if python_version(settings_of(pins.venv) or {}) != pins.python:
        return None
    base = base_python(pins)
    if not os.access(base, os.X_OK) or pyenv.marker(pyenv.prefix_of(base)).exists():
        return None
    return None if closely and defect(base, pins.python) else base


def _running(version: str) -> Path | None:
    """The Python under the one that runs Headstart, if it happens to be the pinned one."""
    info = sys.version_info
    own = f"{info.major}.{info.minor}.{info.micro}"
    if own != version or info.releaselevel != "final" or sys.implementation.name != "cpython":
        return None
    return pyenv.executable(Path(sys.base_prefix), version)
