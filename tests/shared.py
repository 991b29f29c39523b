"""What many tests begin with, and one of them makes: once in a run, for all of its workers."""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

_chosen: list[Path] = []


def keep_in(folder: Path) -> None:
    """Share what is made in `folder` with everyone who does the same."""
    _chosen[:] = [folder]


def shared(stated: object, make: Callable[[Path], None]) -> Path:
    """The folder that `make` has filled; `stated` is all that its content follows from.

    Nobody may change it: whoever wants to takes a copy.
    """
    name = hashlib.sha256(repr(stated).encode()).hexdigest()[:20]
    folder = _root() / name
    made = folder.with_suffix(".made")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


def copied(stated: object, make: Callable[[Path], None], folder: Path) -> Path:
    """Fill `folder` with a copy of it."""
    shutil.copytree(shared(stated, make), folder, symlinks=True, dirs_exist_ok=True)
    return folder


def _root() -> Path:
    root = _chosen[0] if _chosen else _of_this_process()
    root.mkdir(exist_ok=True)
    return root


@cache
def _of_this_process() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="shared-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
