"""Where the machine half remembers what it did: with the user's state, never in the project."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from bootstrap.state import cache_dir, private_dir, state_dir

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["cache_dir", "private_dir", "project_state", "projects_dir", "state_dir"]


def project_state(root: Path) -> Path:
    """The state of the project in the folder `root`; two checkouts of one project have two."""
    digest = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:10]
    return projects_dir() / f"{root.resolve().name}-{digest}"


def projects_dir() -> Path:
    return state_dir() / "projects"
