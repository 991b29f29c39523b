"""Where Headstart keeps what is its own on this machine: with the user's state, in no project."""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from contextlib import suppress
from pathlib import Path

from bootstrap.paths import real_path


def state_dir() -> Path:
    """What `platformdirs.user_state_path("headstart")` says, without its 40 ms of imports."""
    if chosen := os.environ.get("HEADSTART_STATE_DIR"):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/headstart"
    base = os.environ.get("XDG_STATE_HOME", "").strip()
    return (Path(base) if base else Path.home() / ".local/state") / "headstart"


def projects_dir() -> Path:
    return state_dir() / "projects"


def project_state(root: Path) -> Path:
    """The state of the project in the folder `root`; two checkouts of one project have two."""
    path = real_path(root)
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:10]
    return projects_dir() / f"{path.name}-{digest}"


def stamp(folder: Path, kind: str, about: str) -> Path:
    """A file that says something is so by being there; what it is about is in its name."""
    return folder / f"{kind}-{hashlib.sha256(about.encode()).hexdigest()[:16]}"


def cache_dir() -> Path:
    """What can be made again at any time."""
    return state_dir() / "cache"


def cache_of(what: str) -> Path:
    """Where one kind of that is kept: with the user's state, else for this one run."""
    with suppress(OSError):
        folder = private_dir(cache_dir() / what)
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    return private_dir(_for_this_run() / what)


def private_dir(path: Path) -> Path:
    """Create `path` for this user only: logs may quote what a project prints."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


@functools.cache
def _for_this_run() -> Path:
    """A folder that is gone when this process ends."""
    import atexit  # noqa: PLC0415  (these are rarely needed)
    import shutil  # noqa: PLC0415
    import tempfile  # noqa: PLC0415

    folder = Path(tempfile.mkdtemp(prefix="headstart-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
