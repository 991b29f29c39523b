"""The state of the virtual environment at its pinned place, by its files alone."""

from __future__ import annotations

import os
import re
import shlex
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bootstrap.files import text_of, write_atomically
from bootstrap.machine.facts import made_files
from bootstrap.processes import probe
from bootstrap.versions import minor

if TYPE_CHECKING:
    from bootstrap.machine.pins import Pins

MARKER = ".headstart-incomplete"
"""The first thing written into a venv, removed when it is whole."""

OWNER = "headstart-project"
"""The file in a venv that names the folder of the project that it was made for."""

SYSTEM_SITE = "include-system-site-packages"
_ACTIVATED = re.compile(r"^[ \t]*(?:export[ \t]+)?VIRTUAL_ENV=(.+)$", re.MULTILINE)


class VenvState(Enum):
    ABSENT = "absent"
    INCOMPLETE = "incomplete"
    FOREIGN = "foreign"
    WRONG_PYTHON = "wrong python"
    BROKEN = "broken"
    DAMAGED = "damaged"
    MOVED = "moved"
    OPEN = "open to packages outside"
    OTHERS = "another project's"
    UNCLAIMED = "no project's"
    READY = "ready"


class VenvFact(NamedTuple):
    """`aside` are earlier venvs kept until the present one is verified, oldest first.

    `elsewhere` is the folder that a moved or copied venv was made in, the project that another's is
    for or an unclaimed one was, the interpreter that a broken one has lost, or the program of a
    damaged one.
    """

    state: VenvState
    version: str | None = None
    aside: tuple[Path, ...] = ()
    elsewhere: Path | None = None

    @property
    def works(self) -> bool:
        """What is installed in it can be seen; one that is open sees more besides."""
        return self.state is VenvState.READY or self.state in ADJUSTED


ADJUSTED = {VenvState.OPEN, VenvState.UNCLAIMED}
"""What becomes ready where it is, with all that is installed in it."""


def look(pins: Pins) -> VenvFact:
    aside = set_aside(pins.venv)
    if not os.path.lexists(pins.venv):
        return VenvFact(VenvState.ABSENT, aside=aside)
    if not pins.venv.is_dir():
        state = VenvState.BROKEN if pins.venv.is_symlink() else VenvState.FOREIGN
        return VenvFact(state, aside=aside)
    if (pins.venv / MARKER).exists():
        return VenvFact(VenvState.INCOMPLETE, aside=aside)
    settings = settings_of(pins.venv)
    if settings is None:
        empty = not any(pins.venv.iterdir())
        return VenvFact(VenvState.ABSENT if empty else VenvState.FOREIGN, aside=aside)
    return _look_inside(pins, settings, aside)


def _look_inside(pins: Pins, settings: dict[str, str], aside: tuple[Path, ...]) -> VenvFact:
    version = python_version(settings)
    if owner := other_owner(pins):
        return VenvFact(VenvState.OTHERS, version, aside, owner)
    if made_in := _other_place(pins.venv):
        return VenvFact(VenvState.MOVED, version, aside, made_in)
    return _as_made(pins, version, settings)._replace(aside=aside)


def _as_made(pins: Pins, version: str | None, settings: dict[str, str]) -> VenvFact:
    """Is it still the venv that it was made to be, of the pinned Python?"""
    if version != pins.python:
        return VenvFact(VenvState.WRONG_PYTHON, version)
    base = base_python(pins)
    programs = (base, pins.venv_python)
    if not (all(os.access(at, os.X_OK) for at in programs) and pins.site_packages.is_dir()):
        return VenvFact(VenvState.BROKEN, version, elsewhere=None if base.exists() else base)
    if (runs := _replaced(pins, base, settings)) and runs != version:
        return VenvFact(VenvState.WRONG_PYTHON, runs)
    return _equipped(pins, version, settings)


def _equipped(pins: Pins, version: str, settings: dict[str, str]) -> VenvFact:
    """Its Python is right: is the rest?"""
    if lost := made_files.lost(pins):
        return VenvFact(VenvState.DAMAGED, version, elsewhere=lost)
    if settings.get(SYSTEM_SITE, "").lower() == "true":
        return VenvFact(VenvState.OPEN, version)
    if is_shared(pins) and not is_owned(pins):
        former = text_of(pins.venv / OWNER).strip()
        return VenvFact(VenvState.UNCLAIMED, version, elsewhere=Path(former) if former else None)
    return VenvFact(VenvState.READY, version)


def base_python(pins: Pins) -> Path:
    """The interpreter under the venv, where it really is, or was.

    A framework's Python is copied into some venvs: then `pyvenv.cfg` has it.
    """
    python = Path(os.path.realpath(pins.venv_python))
    if not python.is_relative_to(os.path.realpath(pins.venv)):
        return python
    settings = settings_of(pins.venv) or {}
    at_home = str(Path(settings.get("home", ""), f"python{minor(pins.python)}"))
    named = settings.get("base-executable") or settings.get("executable") or at_home
    return Path(os.path.realpath(named))


def _replaced(pins: Pins, base: Path, settings: dict[str, str]) -> str | None:
    """The version that runs where the interpreter is another than when the venv was made.

    `brew upgrade` and apt put another patch release into the same place; pyenv never does. A person
    may have pointed the venv at another place.
    """
    since = (pins.venv / "pyvenv.cfg").stat().st_ctime_ns
    home = Path(settings.get("home") or base.parent)
    names = (f"python{minor(pins.python)}", "python3", "python")
    in_place = any(os.path.realpath(home / name) == str(base) for name in names)
    if in_place and base.stat().st_ctime_ns <= since:
        return None
    return probe((str(pins.venv_python), "-V")).output.removeprefix("Python ")


def is_shared(pins: Pins) -> bool:
    """Whether it lies where other projects have theirs; all others come with the folder."""
    return not pins.venv.is_relative_to(pins.root)


def other_owner(pins: Pins) -> Path | None:
    """The other project that a shared venv is for; None where there is none, or it is gone."""
    owner = _living_owner(pins) if is_shared(pins) else None
    return None if owner is None or pins.root.samefile(owner) else owner


def is_owned(pins: Pins) -> bool:
    """Whether the venv names this project, so that no other one can take it."""
    owner = _living_owner(pins)
    return owner is not None and pins.root.samefile(owner)


def _living_owner(pins: Pins) -> Path | None:
    """The project that the venv names, as long as it is there."""
    owner = text_of(pins.venv / OWNER).strip()
    return Path(owner) if owner and os.path.lexists(owner) else None


def own(pins: Pins) -> None:
    """Let the venv know which project it is for."""
    if text_of(pins.venv / OWNER).strip() != str(pins.root):
        write_atomically(pins.venv / OWNER, f"{pins.root}\n", mode=0o644)


def _other_place(venv: Path) -> Path | None:
    """Where a venv that was moved or copied here was made: its scripts still lead there."""
    words = _ACTIVATED.findall(text_of(venv / "bin" / "activate"))
    made_in = next(
        (Path(word) for each in words if (word := _unquoted(each)).startswith("/")), venv
    )
    is_here = made_in.exists() and venv.samefile(made_in)
    return None if is_here else made_in


def _unquoted(written: str) -> str:
    """As a shell reads a word; empty where it is not one, or only the shell can say which."""
    try:
        words = shlex.split(written)
    except ValueError:
        return ""
    return words[0] if len(words) == 1 and "$" not in words[0] else ""


def settings_of(venv: Path) -> dict[str, str] | None:
    """`pyvenv.cfg` as a dictionary; None where there is none."""
    try:
        text = (venv / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def python_version(settings: dict[str, str]) -> str | None:
    """virtualenv and uv write `version_info = 3.13.0.final.0`, venv `version = 3.13.0`."""
    written = settings.get("version_info") or settings.get("version") or ""
    match = re.match(r"\d+\.\d+\.\d+", written)
    return match[0] if match else None


def set_aside(venv: Path) -> tuple[Path, ...]:
    """Only what `aside_name` names: nobody else's folder ever looks like it."""
    pattern = re.compile(re.escape(venv.name) + r"\.aside-\d{14}(-\d+)?")
    try:
        return tuple(sorted(at for at in venv.parent.iterdir() if pattern.fullmatch(at.name)))
    except OSError:
        return ()
