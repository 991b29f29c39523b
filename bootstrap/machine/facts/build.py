"""Can the pinned Python be built here? Looked at only where it has to be."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap import pyenv
from bootstrap.machine.building import history
from bootstrap.machine.building.preflight import Obstacle, Site, obstacles, wrong_openssl
from bootstrap.machine.facts import platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bootstrap.machine.facts.platform import PlatformFact
    from bootstrap.machine.pins import Pins


@dataclass(frozen=True)
class BuildFact:
    """`site` is None without a pyenv. `failed_plain`: an earlier plain build ended in failure."""

    platform: PlatformFact
    site: Site | None
    obstacles: tuple[Obstacle, ...] = ()
    wrong_openssl: Path | None = None
    failed_plain: bool = False


def look(pins: Pins) -> BuildFact:
    machine = platform.look()
    program = pyenv_program(os.environ, machine)
    if program is None:
        return BuildFact(machine, None)
    given = _given(os.environ)
    site = Site(pins.python, program, pyenv.root(os.environ), machine, given)
    failed = history.plain_failed(pins.python)
    return BuildFact(machine, site, obstacles(site), wrong_openssl(given), failed)


def pyenv_program(environ: Mapping[str, str], machine: PlatformFact) -> Path | None:
    """On PATH, in pyenv's own root, or where Homebrew puts it."""
    found = shutil.which("pyenv", path=environ.get("PATH", os.defpath))
    if found:
        return Path(found)
    homes = [pyenv.root(environ), *([machine.brew] if machine.brew else [])]
    programs = (home / "bin" / "pyenv" for home in homes)
    return next((at for at in programs if os.access(at, os.X_OK)), None)


def _given(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if value}
