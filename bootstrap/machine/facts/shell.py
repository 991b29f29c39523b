"""Does a person's own shell find what the project's documents tell them to type?"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bootstrap import pyenv, state
from bootstrap.files import text_of
from bootstrap.machine.facts import platform, services

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bootstrap.machine.pins import Pins

# The program of each kind of service, and the formulae that have it and are not linked to PATH.
CLIENTS = {
    "mysql": (("mysql", "mariadb"), ("mysql-client", "mariadb")),
    "mariadb": (("mariadb", "mysql"), ("mariadb", "mysql-client")),
    "postgresql": (("psql",), ("libpq",)),
}


class ShellFact(NamedTuple):
    """`folders` hold programs and are neither on PATH nor named where the shell is set up.

    `shown`: a person has seen the lines that would change that.
    """

    profile: Path | None = None
    folders: tuple[Path, ...] = ()
    shown: bool = True


def look(pins: Pins) -> ShellFact:
    """Reads a profile only where a program is not on PATH."""
    unseen = tuple(_unseen(pins))
    if not unseen:
        return ShellFact()
    profile = profile_of(os.environ, Path.home())
    text = _set_up(profile) if profile else ""
    folders = tuple(each for each in unseen if not _is_named(each, text))
    return ShellFact(profile, folders, stamp(folders).exists()) if folders else ShellFact()


def stamp(folders: tuple[Path, ...]) -> Path:
    """A file that says a person was shown these, by whichever project it was."""
    return state.stamp(state.state_dir(), "told-path", os.pathsep.join(map(str, folders)))


def unlinked(kind: str) -> Iterator[Path]:
    """Where Homebrew keeps the client of a kind of service without linking it."""
    kegs = CLIENTS[kind][1] if kind in CLIENTS else ()
    prefix = platform.homebrew() if kegs else None
    folders = (prefix / "opt" / keg / "bin" for keg in kegs) if prefix else ()
    return (folder for folder in folders if folder.is_dir())


def profile_of(environ: Mapping[str, str], home: Path) -> Path | None:
    """What a login shell of this person reads; None for a shell of another kind."""
    shell = Path(environ.get("SHELL", "")).name
    if shell == "zsh":
        return Path(environ.get("ZDOTDIR") or home) / ".zprofile"
    if shell in {"bash", "sh", "dash", "ksh"}:
        names = (".bash_profile", ".bash_login", ".profile") if shell == "bash" else (".profile",)
        found = (home / name for name in names if (home / name).is_file())
        return next(found, home / (".bash_profile" if platform.is_macos() else ".profile"))
    return None


def _unseen(pins: Pins) -> Iterator[Path]:
    root = pyenv.root(os.environ)
    if pins.provider == "pyenv" and not shutil.which("pyenv") and shutil.which(root / "bin/pyenv"):
        yield root / "bin"
    kinds = dict.fromkeys(map(services.kind_of, services.urls(pins)))
    for kind in kinds:
        programs = CLIENTS[kind][0] if kind in CLIENTS else ()
        if programs and not any(shutil.which(name) for name in programs):
            yield from list(unlinked(kind))[:1]


def _is_named(folder: Path, text: str) -> bool:
    """Also as pyenv's own manual has it, with its variable."""
    home = str(Path.home())
    short = str(folder).removeprefix(home) if folder.is_relative_to(home) else str(folder)
    by_pyenv = folder == pyenv.root(os.environ) / "bin" and re.search(r"PYENV_ROOT\}?/bin", text)
    return short in text or bool(by_pyenv)


def _set_up(profile: Path) -> str:
    """What is written in the profile, and beside it in what an interactive shell reads."""
    names = (profile.name, ".zshrc", ".bashrc")
    return "\n".join(text_of(profile.with_name(name)) for name in names)
