"""The packages of the lock, by the pinned installer, with every hash checked."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap import lockfile
from bootstrap.errors import HeadstartError
from bootstrap.files import write_atomically
from bootstrap.machine import installers
from bootstrap.machine.facts.packages import (
    STAMP,
    PackagesFact,
    Stamp,
    compare,
    distributions,
    read_stamp,
    summary,
)
from bootstrap.machine.runner import probe_project
from bootstrap.machine.steps.step import Finding, StepName

if TYPE_CHECKING:
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import Context


class Packages:
    name = StepName("packages")
    title = "Packages"

    def needed(self, pins: Pins, facts: Facts) -> str | None:  # noqa: ARG002
        return facts.packages.why

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, packages=PackagesFact(facts.packages.lock, None))

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:  # noqa: ARG002
        return (shlex.join(installers.of(pins).install(pins)),)

    def run(self, context: Context) -> str:
        """Install between two stamps: the first says it is underway, the last that it is done."""
        pins, installer = context.pins, installers.of(context.pins)
        installers.require(pins)
        wanted = lockfile.wanted(lockfile.entries(pins.lock), pins.python)
        ours = set((read_stamp(pins) or {"ours": []})["ours"])
        _write_stamp(pins, Stamp(lock="", folders=[], ours=sorted(ours | wanted.keys())))
        _sweep(pins)
        gone = [each.name for each in distributions(pins) if each.name in ours - wanted.keys()]
        if gone:
            context.run(installer.uninstall(pins, gone))
        context.run(installer.install(pins))
        difference = summary(compare(pins))
        if difference:
            raise HeadstartError(
                f"{pins.installer} said it is done, but it is not.",
                why=(difference,),
                next=("headstart up",),
            )
        # What an incomplete list has brought besides is as much a part of the installation.
        whole = pins.hashed and pins.installer != "poetry"
        folders = [
            each.folder.name for each in distributions(pins) if each.name in wanted or not whole
        ]
        digest = context.facts.packages.lock
        _write_stamp(pins, Stamp(lock=digest, folders=folders, ours=sorted(wanted)))
        removed = f", {len(gone)} removed" if gone else ""
        return f"{len(wanted)} as in {pins.shown(pins.lock)}{removed}"

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:  # noqa: ARG002
        difference = summary(compare(pins))
        if difference:
            repair = f"rm {shlex.quote(str(pins.venv / STAMP))} && headstart up"
            return (Finding(self.name, "broken", difference, repair),)
        check = probe_project(installers.of(pins).check(pins), pins)
        if check.code == 0:
            return ()
        repair = "change the requirements and lock again, or remove what the lock did not bring"
        return tuple(
            Finding(self.name, "notice", f"pip check: {line}", repair)
            for line in check.output.splitlines()[-10:]
            if not line.startswith("Found ")  # how many there are, as uv counts them
        )


def _sweep(pins: Pins) -> None:
    """Remove what a killed pip leaves: half-installed packages, and folders renamed to `~…`."""
    for each in distributions(pins):
        if not each.complete and each.name != "pip":
            shutil.rmtree(each.folder)
    for leftover in pins.site_packages.glob("~*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)


def _write_stamp(pins: Pins, stamp: Stamp) -> None:
    write_atomically(pins.venv / STAMP, json.dumps(stamp), mode=0o644)
