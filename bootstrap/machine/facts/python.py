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


def look(pins: Pins) -> PythonFact:
    """Ask the file system: starting pyenv costs a tenth of a second, a folder listing nothing."""
    root = pyenv.root(os.environ)
    found = root if root.is_dir() else None
    prefix = root / "versions" / pins.python
    executable = _executable(prefix, pins.python)
    if executable:
        return PythonFact(executable, "pyenv", found)
    if running := _running(pins.python):
        return PythonFact(running, "running", found)
    defect = f"{prefix} has no working interpreter" if prefix.is_dir() else None
    return PythonFact(None, None, found, defect)


def _running(version: str) -> Path | None:
    """The Python under the one that runs Headstart, if it happens to be the pinned one."""
    info = sys.version_info
    own = f"{info.major}.{info.minor}.{info.micro}"
    if own != version or info.releaselevel != "final" or sys.implementation.name != "cpython":
        return None
    return _executable(Path(sys.base_prefix), version)


def _executable(prefix: Path, version: str) -> Path | None:
    path = prefix / "bin" / f"python{version.rpartition('.')[0]}"
    return path if path.is_file() and os.access(path, os.X_OK) else None
