"""uv: with its own lock, or in pip's place with a list of requirements."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootstrap.machine.installers import deciding
from bootstrap.machine.installers.deciding import table
from bootstrap.machine.installers.installer import (
    Judgement,
    LockInstaller,
    answer,
    in_short,
    last_words,
    program,
)
from bootstrap.machine.installers.pip import RequirementsInstaller

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bootstrap.machine.pins import Argv, Pins

_CHANGE = re.compile(r"^ [+~-] (\S+)", re.MULTILINE)
_NOTHING = "Would make no changes"


class UvRequirements(RequirementsInstaller):
    tool = "uv"

    def install(self, pins: Pins) -> Argv:
        return (*pip(pins, "install"), "--no-progress", "--no-config")

    def judge(self, pins: Pins) -> Judgement:
        listed, *_ = self.commands(pins)
        return _verdict((*listed, "--dry-run"), pins)


class UvProject(LockInstaller):
    """A project with `uv.lock`, which has to be the lock of its pyproject.toml.

    What else is in the venv, such as its pip, stays.
    """

    tool = "uv"

    def judge(self, pins: Pins) -> Judgement:
        """A lock that is not the pyproject.toml's is another fault than a venv that is not its."""
        verdict = _verdict((*self.command(pins), "--check"), pins)
        if verdict == Judgement():
            return verdict
        lock = answer((program(pins, self.tool), "lock", "--check"), pins)
        if "needs to be updated" in lock.output:
            return Judgement(lacking="uv.lock lacks what pyproject.toml asks for, says uv")
        return verdict

    def is_installed(self, pins: Pins, path: Path, document: Mapping[str, object]) -> bool:  # noqa: ARG002
        chosen = table(document, "tool", "uv").get("package", "build-system" in document)
        return chosen is not False

    def decisive(self, pins: Pins, path: Path) -> bytes:
        found = super().decisive(pins, path)
        return deciding.of_uv_lock(found) if path == pins.lock else found

    def command(self, pins: Pins) -> Argv:
        groups = [word for group in pins.groups or () for word in ("--group", group)]
        alone = () if pins.groups is None else ("--no-default-groups",)
        extras = [word for extra in pins.extras for word in ("--extra", extra)]
        sync = (program(pins, self.tool), "sync", "--active", "--locked", "--inexact")
        return (*sync, "--no-progress", *alone, *groups, *extras)


def pip(pins: Pins, command: str) -> Argv:
    return (program(pins, "uv"), "pip", command, "--python", str(pins.venv_python))


def _verdict(argv: Argv, pins: Pins) -> Judgement:
    done = answer(argv, pins)
    if _NOTHING in done.output:
        return Judgement()
    if changes := _CHANGE.findall(done.output):
        return Judgement(lacking=f"uv would still change {in_short(changes)}")
    return Judgement(unclear=f"uv could not tell: {last_words(done)}")
