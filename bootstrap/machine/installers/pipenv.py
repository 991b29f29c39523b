"""Pipenv, with its lock."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bootstrap import lockfile
from bootstrap.machine.installers.installer import (
    Installer,
    Judgement,
    answer,
    last_words,
    program,
)

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.lockfile import PackageName
    from bootstrap.machine.pins import Argv, Pins

_DEV = "dev-packages"


class Pipenv(Installer):
    """It adopts the venv that is active. Without groups, both of a Pipfile's tables are wanted."""

    tool = "pipenv"

    def commands(self, pins: Pins) -> tuple[Argv, ...]:
        return ((program(pins, self.tool), "sync", *self._tables(pins)),)

    def names(self, pins: Pins) -> frozenset[PackageName]:
        tables = _locked(pins.lock)
        return frozenset(lockfile.normalize(name) for table in tables for name in table)

    def inputs(self, pins: Pins) -> tuple[Path, ...]:
        return (pins.lock, pins.lock.with_name("Pipfile"))

    def judge(self, pins: Pins) -> Judgement:
        """Pipenv says whether the lock is the Pipfile's, and what the lock has for whom."""
        tool = program(pins, self.tool)
        verified = answer((tool, "verify"), pins)
        if verified.code:
            return Judgement(unclear=f"`pipenv verify`: {last_words(verified)}")
        listed = answer((tool, "requirements", *self._tables(pins)), pins)
        if listed.code:
            return Judgement(unclear=f"Pipenv could not tell: {last_words(listed)}")
        from bootstrap.machine.facts import packages  # noqa: PLC0415 - it looks by installers

        wanted = lockfile.wanted(lockfile.pip_entries(listed.output), pins.python)
        return Judgement(lacking=packages.difference(pins, wanted) or "")

    def _tables(self, pins: Pins) -> Argv:
        if pins.groups is None:
            return ("--dev",)
        others = [name for name in pins.groups if name != _DEV]
        if others:
            return ("--categories", " ".join(("packages", *pins.groups)))
        return ("--dev",) if _DEV in pins.groups else ()


def _locked(path: Path) -> list[dict[str, object]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [table for name, table in document.items() if name != "_meta"]
