"""Which interpreter of exactly the pinned version is on this machine."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bootstrap import pyenv

if TYPE_CHECKING:
    from bootstrap.machine.pins import Pins


@dataclass(frozen=True)
class PythonFact:
    """`pyenv` is its root, where there is one; `defect`: why an installed Python is unusable."""

    executable: Path | None
    provider: Literal["pyenv", "running"] | None
    pyenv: Path | None
    defect: str | None = None


def look(pins: Pins, *, closely: bool) -> PythonFact:
    """Ask the file system: starting pyenv costs a tenth of a second, a folder listing nothing.

    `closely` asks the interpreter too, before anything is built on it.
    """
    root = pyenv.root(os.environ)
    found = root if root.is_dir() else None
    prefix = root / "versions" / pins.python
    executable = pyenv.executable(prefix, pins.python)
    defect = _defect(prefix, executable, pins.python, closely=closely)
    if executable and defect is None:
        return PythonFact(executable, "pyenv", found)
    if running := _running(pins.python):
        return PythonFact(running, "running", found)
    return PythonFact(None, None, found, defect)


def _defect(prefix: Path, executable: Path | None, version: str, *, closely: bool) -> str | None:
    if pyenv.marker(prefix).exists():
        return f"the build of Python {version} was interrupted"
    if executable is None:
        return f"{prefix} has no working interpreter" if prefix.is_dir() else None
    if not closely:
        return None
    from bootstrap.machine.building import verify  # noqa: PLC0415 - only where it is built upon

    wrong = verify.defect(executable, version)
    return f"Python {version} cannot be used: {wrong}" if wrong else None


def _running(version: str) -> Path | None:
    """The Python under the one that runs Headstart, if it happens to be the pinned one."""
    info = sys.version_info
    own = f"{info.major}.{info.minor}.{info.micro}"
    if own != version or info.releaselevel != "final" or sys.implementation.name != "cpython":
        return None
    return pyenv.executable(Path(sys.base_prefix), version)
