"""uv: with its own lock, or in pip's place with a list of requirements."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootstrap import lockfile
from bootstrap.machine.installers.installer import (
    Installer,
    Judgement,
    answer,
    last_words,
    named_in_toml,
    program,
)
from bootstrap.machine.installers.pip import all_inputs, editable, strictness, whole

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.lockfile import PackageName
    from bootstrap.machine.pins import Argv, Pins

_CHANGE = re.compile(r"^ [+~-] (\S+)", re.MULTILINE)
_NOTHING = "Would make no changes"


class UvRequirements(Installer):
    tool = "uv"

    def commands(self, pins: Pins) -> tuple[Argv, ...]:
        install = (*pip(pins, "install"), "--no-progress", "--no-config")
        listed = (*install, *strictness(pins), "-r", str(pins.lock))
        return (listed, (*install, "--no-deps", *editable(pins))) if pins.editable else (listed,)

    def names(self, pins: Pins) -> frozenset[PackageName]:
        return lockfile.names(lockfile.texts_of(pins.lock))

    def exact(self, pins: Pins) -> dict[PackageName, str] | None:
        return whole(pins)

    def pinned(self, pins: Pins) -> dict[PackageName, str]:
        return lockfile.wanted(lockfile.entries(pins.lock), pins.python)

    def inputs(self, pins: Pins) -> tuple[Path, ...]:
        return all_inputs(pins)

    def judge(self, pins: Pins) -> Judgement:
        listed, *_ = self.commands(pins)
        return _verdict((*listed, "--dry-run"), pins)


class UvProject(Installer):
    """A project with `uv.lock`, which has to be the lock of its pyproject.toml.

    What else is in the venv, such as its pip, stays.
    """

    tool = "uv"

    def commands(self, pins: Pins) -> tuple[Argv, ...]:
        return (self._sync(pins),)

    def names(self, pins: Pins) -> frozenset[PackageName]:
        return named_in_toml(pins.lock)

    def judge(self, pins: Pins) -> Judgement:
        """A lock that is not the pyproject.toml's is another fault than a venv that is not its."""
        verdict = _verdict((*self._sync(pins), "--check"), pins)
        if verdict == Judgement():
            return verdict
        lock = answer((program(pins, self.tool), "lock", "--check"), pins)
        if "needs to be updated" in lock.output:
            return Judgement(lacking="uv.lock lacks what pyproject.toml asks for, says uv")
        return verdict

    def _sync(self, pins: Pins) -> Argv:
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
        more = ", …" if len(changes) > 3 else ""  # noqa: PLR2004
        return Judgement(lacking=f"uv would still change {', '.join(changes[:3])}{more}")
    return Judgement(unclear=f"uv could not tell: {last_words(done)}")
