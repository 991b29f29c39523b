"""The state of the virtual environment at its pinned place, by its files alone."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine.pins import Pins

MARKER = ".headstart-incomplete"
"""The first thing written into a venv, removed when it is whole."""


class VenvState(Enum):
    ABSENT = "absent"
    INCOMPLETE = "incomplete"
    FOREIGN = "foreign"
    WRONG_PYTHON = "wrong python"
    BROKEN = "broken"
    READY = "ready"


@dataclass(frozen=True)
class VenvFact:
    """`aside` are earlier venvs kept until the present one is verified, oldest first."""

    state: VenvState
    version: str | None = None
    aside: tuple[Path, ...] = ()


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
    version = python_version(settings)
    return VenvFact(_state(pins, version), version, aside)


def _state(pins: Pins, version: str | None) -> VenvState:
    if version != pins.python:
        return VenvState.WRONG_PYTHON
    runs = os.access(pins.venv_python, os.X_OK) and pins.site_packages.is_dir()
    return VenvState.READY if runs else VenvState.BROKEN


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
