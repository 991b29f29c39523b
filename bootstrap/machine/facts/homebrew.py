"""Which Homebrews are on this machine, and the one that is for its chip.

A Mac with Apple's chip that was migrated from an Intel one has two: the libraries of the other
cannot be linked, and its `brew` may well be the first on PATH.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from bootstrap.processes import probe

INTEL = Path("/usr/local")
APPLE = Path("/opt/homebrew")


@dataclass(frozen=True)
class Homebrew:
    """`prefix` holds its formulae, `program` is its `brew`."""

    prefix: Path
    program: Path

    @property
    def architecture(self) -> str:
        """What its formulae are built for, as far as its prefix says so."""
        return {INTEL: "x86_64", APPLE: "arm64"}.get(self.prefix, "")


def installed() -> tuple[Homebrew, ...]:
    """Each `brew` on PATH, in its order, then those in the places that Homebrew lives in."""
    folders = (Path(at) for at in os.environ.get("PATH", os.defpath).split(os.pathsep) if at)
    found: dict[Path, Homebrew] = {}
    for folder in (*folders, APPLE / "bin", INTEL / "bin"):
        program = shutil.which(folder / "brew")
        if program and (prefix := _prefix(program)):
            found.setdefault(prefix, Homebrew(prefix, Path(program)))
    return tuple(found.values())


def by_use(found: tuple[Homebrew, ...], machine: str) -> tuple[Homebrew, ...]:
    """The first is used: none that is for another architecture before one that is not."""
    return tuple(sorted(found, key=lambda each: each.architecture not in {"", machine}))


def _prefix(program: str) -> Path | None:
    """It is asked for one that is not where it lives: a person's own wrapper leads anywhere."""
    place = Path(program).parent.parent
    if place in {INTEL, APPLE}:
        return place
    answer = probe((program, "--prefix"))
    return Path(answer.output) if answer.code == 0 and answer.output else None
