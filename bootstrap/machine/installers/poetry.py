"""Poetry, with its lock, into the venv that `up` has made with its exact pip."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootstrap import lockfile
from bootstrap.machine import declared
from bootstrap.machine.installers.deciding import table
from bootstrap.machine.installers.installer import (
    Judgement,
    LockInstaller,
    answer,
    in_short,
    last_words,
    program,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bootstrap.machine.pins import Argv, Pins

_OPERATIONS = re.compile(r"Package operations: (\d+) installs?, (\d+) updates?, (\d+) removals?")
_STALE = re.compile(r"changed significantly since poetry\.lock|poetry\.lock is not up to date")
_PLANNED = re.compile(r"^\s+[-•] (?:Installing|Updating|Downgrading) (.+?)\s*$", re.MULTILINE)


class Poetry(LockInstaller):
    """It adopts the venv that is active."""

    tool = "poetry"

    def judge(self, pins: Pins) -> Judgement:
        done = answer((*self.command(pins), "--dry-run"), pins)
        found = _OPERATIONS.search(done.output)
        if _STALE.search(done.output):
            return Judgement(lacking="poetry.lock lacks what pyproject.toml asks for, says Poetry")
        if "No dependencies to install or update" in done.output:
            return Judgement()
        if found is None or done.code:
            return Judgement(unclear=f"Poetry could not tell: {last_words(done)}")
        if not any(map(int, found.groups()[:2])):
            return Judgement()
        planned = [each for each in _PLANNED.findall(done.output) if "kipped" not in each]
        return Judgement(lacking=f"Poetry would still install {', '.join(planned[:3])}")

    def outdated(self, pins: Pins) -> str:
        """A package that is asked for here and named nowhere in the lock; Poetry sees the rest."""
        named = self.names(pins)
        stated = "\n".join(declared.requirements(pins.root / "pyproject.toml", pins.extras, ()))
        missing = [
            str(each).partition(";")[0].strip()
            for each in lockfile.requirements(stated)
            if lockfile.normalize(each.name) not in named and lockfile.is_wanted(each, pins.python)
        ]
        if not missing:
            return ""
        return f"poetry.lock lacks what pyproject.toml asks for: {in_short(missing)}"

    def is_installed(self, pins: Pins, path: Path, document: Mapping[str, object]) -> bool:  # noqa: ARG002
        return table(document, "tool", "poetry").get("package-mode") is not False

    def command(self, pins: Pins) -> Argv:
        extras = [word for extra in pins.extras for word in ("--extras", extra)]
        only = () if pins.groups is None else ("--only", ",".join(("main", *pins.groups)))
        install = (program(pins, self.tool), "install", "--no-interaction", "--no-ansi")
        return (*install, *extras, *only)
