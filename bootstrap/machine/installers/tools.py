"""Installers at the exact version that a project pins: each in an environment of its own.

They are kept with the user's state, for all projects, and never in a project's venv.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap import state
from bootstrap.errors import Refused
from bootstrap.files import exclusive
from bootstrap.language import Said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bootstrap.machine.pins import Argv

# What a release of a tool needs besides and does not say itself: PDM 2 reads its cache by
# hishel 1, and its metadata allows a hishel that has lost those names.
_COMPANIONS = {"pdm": ("hishel<2",)}


GET = {
    "uv": "curl -LsSf https://astral.sh/uv/install.sh | sh   # or: brew install uv",
    "poetry": "pipx install poetry   # or: brew install poetry",
    "pdm": "pipx install pdm   # or: brew install pdm",
    "pipenv": "pipx install pipenv   # or: brew install pipenv",
}


def folder(tool: str, version: str) -> Path:
    return state.state_dir() / "tools" / f"{tool}-{version}"


def pinned(tool: str, version: str) -> Path:
    """The program of that version, whether it is there yet or not."""
    return folder(tool, version) / "bin" / tool


def beside(tool: str) -> str | None:
    """The one that Headstart itself was installed with."""
    at = Path(sys.executable).with_name(tool)
    return str(at) if at.is_file() else None


def on_path(environ: Mapping[str, str], tool: str, version: str) -> dict[str, str]:
    """The variables of a process that finds the pinned version first, where `up` has made it.

    Beside the tool lies the Python it runs on, and that is no project's: it stays off PATH.
    """
    if not version or not pinned(tool, version).is_file():
        return {**environ}
    return {**environ, "PATH": os.pathsep.join((str(_alone_in(tool, version)), environ["PATH"]))}


def _alone_in(tool: str, version: str) -> Path:
    """A folder that has this program, and nothing else that lies beside it."""
    link = folder(tool, version) / "only" / tool
    link.parent.mkdir(exist_ok=True)
    with suppress(FileExistsError):
        link.symlink_to(Path(os.pardir, "bin", tool))
    return link.parent


def typed(tool: str, version: str) -> str:
    """How a person can call it: one that is not on PATH by its whole path, where there is one."""
    if shutil.which(tool):
        return tool
    own = pinned(tool, version) if version else None
    found = str(own) if own and own.is_file() else beside(tool)
    return shlex.quote(found) if found else tool


def commands(tool: str, version: str) -> tuple[Argv, ...]:
    """What makes it, on the Python that runs Headstart; none where it is whole."""
    at = folder(tool, version)
    if (at / "whole").is_file() and pinned(tool, version).is_file():
        return ()
    make = (*(sys.executable, "-m", "virtualenv", "--quiet", "--no-periodic-update"), "--clear")
    install = (str(at / "bin" / "python"), "-m", "pip", "install", "--progress-bar", "off")
    packages = (f"{tool}=={version}", *_COMPANIONS.get(tool, ()))
    return (
        (*make, "--no-setuptools", str(at)),
        (*install, *packages),
        ("touch", str(at / "whole")),
    )


def absent(tool: str) -> Refused:
    return Refused(
        Said("This project installs its packages with {tool}, which is not on PATH.", tool=tool),
        why=(
            Said(
                "No `version` of {tool} is pinned in toolchain.yml, which `up` would provide.",
                tool=tool,
            ),
        ),
        next=(GET[tool], "headstart up"),
    )


@contextmanager
def alone() -> Iterator[None]:
    """For one run at a time: projects share the tools."""
    place = state.private_dir(state.state_dir() / "tools")
    with exclusive(place / "lock", lambda _: None):
        yield
