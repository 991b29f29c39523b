"""PDM, with its lock."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

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
from bootstrap.machine.installers.pip import asked_by

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bootstrap.machine.pins import Argv, Pins

_CHANGE = re.compile(r"^\s+- (\S+ \S+)", re.MULTILINE)
_NOTHING = "All packages are synced to date"


class Pdm(LockInstaller):
    """It adopts the venv that is active."""

    tool = "pdm"

    def judge(self, pins: Pins) -> Judgement:
        done = answer((*self.command(pins), "--dry-run"), pins)
        if done.code == 0 and _NOTHING in done.output:
            return self._unlocked(pins)
        _, told, changes = done.output.partition("Packages to ")
        if done.code == 0 and told:
            return Judgement(lacking=f"PDM would still change {in_short(_CHANGE.findall(changes))}")
        return Judgement(unclear=f"PDM could not tell: {last_words(done)}")

    def _unlocked(self, pins: Pins) -> Judgement:
        """PDM only warns of a lock that is not the pyproject.toml's: pip says what that lacks."""
        project = pins.root / "pyproject.toml"
        groups = declared.groups(project) if pins.groups is None else pins.groups
        asked = asked_by(replace(pins, groups=groups), (project,))
        if asked.lacking:
            return Judgement(f"pdm.lock lacks what pyproject.toml asks for: {asked.lacking}")
        return asked

    def is_installed(self, pins: Pins, path: Path, document: Mapping[str, object]) -> bool:  # noqa: ARG002
        return table(document, "tool", "pdm").get("distribution") is not False

    def command(self, pins: Pins) -> Argv:
        chosen = (*pins.extras, *(pins.groups or ()))
        groups = [word for name in chosen for word in ("--group", name)]
        # Where a group for development is named, PDM leaves out all others.
        alone = ("--prod",) if pins.groups == () else ()
        return (program(pins, self.tool), "sync", *alone, *groups)
