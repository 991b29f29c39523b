"""Which formulae of the project's Brewfile are not installed on this Mac?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap.machine.facts import platform

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine.pins import Pins

BREWFILE = "Brewfile"
_FORMULA = re.compile(r"""^[ \t]*brew[ \t]+["']([^"']+)["']""", re.MULTILINE)


@dataclass(frozen=True)
class HomebrewFact:
    missing: tuple[str, ...] = ()


NO_FORMULAE = HomebrewFact()


def look(pins: Pins) -> HomebrewFact:
    """By the links that Homebrew keeps in `opt`; no process is started where there is none."""
    named = formulae(pins.root / BREWFILE)
    prefix = platform.homebrew() if named else None
    if prefix is None or not platform.is_macos():
        return NO_FORMULAE
    return HomebrewFact(tuple(name for name in named if not is_installed(prefix, name)))


def formulae(brewfile: Path) -> tuple[str, ...]:
    """What its `brew` lines name, in their order."""
    try:
        text = brewfile.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(dict.fromkeys(_FORMULA.findall(text)))


def is_installed(prefix: Path, formula: str) -> bool:
    return (prefix / "opt" / formula.rpartition("/")[2]).exists()
