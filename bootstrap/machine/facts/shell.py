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
from bootstrap.machine.facts.homebrew import INTEL

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

    `shown`: a person has seen the lines that would change that. `profiles` are where they belong.
    """

    profiles: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    shown: bool = True


def look(pins: Pins) -> ShellFact:
    """Reads a profile only where a program is not on PATH."""
    unseen = tuple(_unseen(pins))
    if not unseen:
        return ShellFact()
    profiles = profiles_of(os.environ, Path.home())
    text = _set_up(profiles)
    folders = tuple(each for each in unseen if not _is_named(each, text))
    return ShellFact(profiles, folders, stamp(folders).exists()) if folders else ShellFact()


def stamp(folders: tuple[Path, ...]) -> Path:
    """A file that says a person was shown these, by whichever project it was."""
    return state.stamp(state.state_dir(), "told-path", os.pathsep.join(map(str, folders)))


def unlinked(kind: str) -> Iterator[Path]:
    """Where Homebrew keeps the client of a kind of service without linking it."""
    kegs = CLIENTS[kind][1] if kind in CLIENTS else ()
    prefix = platform.homebrew() if kegs else None
    folders = (prefix / "opt" / keg / "bin" for keg in kegs) if prefix else ()
    return (folder for folder in folders if folder.is_dir())


def profiles_of(environ: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """The files in which PATH is set for this person's shell; none for a shell of another kind.

    On a Mac /etc/zprofile puts the system's folders first (path_helper), after .zshenv was read and
    before .zprofile is. That is for login shells; .zshrc is for those that people type in.
    """
    shell = Path(environ.get("SHELL", "")).name
    if shell == "zsh":
        folder = Path(environ.get("ZDOTDIR") or home)
        return (folder / ".zprofile", folder / ".zshrc")
    if shell in {"bash", "sh", "dash", "ksh"}:
        names = (".bash_profile", ".bash_login", ".profile") if shell == "bash" else (".profile",)
        found = (home / name for name in names if (home / name).is_file())
        default = home / (".bash_profile" if platform.is_macos() else ".profile")
        return (next(found, default),)
    return ()


def _unseen(pins: Pins) -> Iterator[Path]:
    root = pyenv.root(os.environ)
    if pins.provider == "pyenv" and not shutil.which("pyenv") and shutil.which(root / "bin/pyenv"):
        yield root / "bin"
    yield from _homebrew()
    kinds = dict.fromkeys(map(services.kind_of, services.urls(pins)))
    for kind in kinds:
        programs = CLIENTS[kind][0] if kind in CLIENTS else ()
        if programs and not any(shutil.which(name) for name in programs):
            yield from list(unlinked(kind))[:1]


def _homebrew() -> Iterator[Path]:
    """Its programs where `brew` is not on PATH, or only that for Intel beside the chip's own."""
    on_path = shutil.which("brew")
    if on_path and Path(on_path) != INTEL / "bin" / "brew":
        return
    used = next(iter(platform.homebrews()), None)
    if used and str(used.program.parent) not in os.environ.get("PATH", "").split(os.pathsep):
        yield used.program.parent


def _is_named(folder: Path, text: str) -> bool:
    """Also as pyenv's own manual has it, with its variable."""
    home = str(Path.home())
    short = str(folder).removeprefix(home) if folder.is_relative_to(home) else str(folder)
    by_pyenv = folder == pyenv.root(os.environ) / "bin" and re.search(r"PYENV_ROOT\}?/bin", text)
    return short in text or bool(by_pyenv)


def _set_up(profiles: tuple[Path, ...]) -> str:
    """What is written in them, and beside them in what an interactive shell reads."""
    read = (*profiles, *(each.with_name(".bashrc") for each in profiles[:1]))
    return "\n".join(map(text_of, read))
