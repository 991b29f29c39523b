"""The packages of the lock, by the pinned installer, with every hash checked."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from bootstrap import lockfile
from bootstrap.errors import HeadstartError, Refused
from bootstrap.files import write_atomically
from bootstrap.machine.facts.packages import (
    STAMP,
    PackagesFact,
    Stamp,
    compare,
    distributions,
    stamp_in,
    summary,
)
from bootstrap.machine.runner import probe_project
from bootstrap.machine.steps.step import Finding, Step, StepName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootstrap.lockfile import PackageName
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import StepContext
    from bootstrap.machine.toolchain import Argv, InstallerName


class Installer(Protocol):
    """What is installed is verified the same way, whoever did it."""

    def install(self, pins: Pins) -> Argv:
        """Everything in the lock, each download checked against its hash."""

    def uninstall(self, pins: Pins, names: Sequence[PackageName]) -> Argv:
        """What an earlier lock brought and this one does not."""

    def check(self, pins: Pins) -> Argv:
        """Whether all that is installed fits together."""


class PipInstaller:
    def install(self, pins: Pins) -> Argv:
        """The lock is complete, so nothing is resolved; Python compiles what it imports itself."""
        flags = ("--no-compile", "--progress-bar", "off")
        return (*pins.venv_pip, "install", *_completeness(pins), *flags, "-r", str(pins.lock))

    def uninstall(self, pins: Pins, names: Sequence[PackageName]) -> Argv:
        return (*pins.venv_pip, "uninstall", "--yes", *names)

    def check(self, pins: Pins) -> Argv:
        return (*pins.venv_pip, "check")


class UvInstaller:
    def install(self, pins: Pins) -> Argv:
        flags = (*_completeness(pins), "--no-progress", "--no-config")
        return (*self._pip(pins, "install"), *flags, "-r", str(pins.lock))

    def uninstall(self, pins: Pins, names: Sequence[PackageName]) -> Argv:
        return (*self._pip(pins, "uninstall"), *names)

    def check(self, pins: Pins) -> Argv:
        """It looks at the same as pip, in a thirtieth of the time."""
        return (
            (*self._pip(pins, "check"), "--quiet")
            if _is_here("uv", pins)
            else PipInstaller().check(pins)
        )

    def _pip(self, pins: Pins, command: str) -> Argv:
        return ("uv", "pip", command, "--python", str(pins.venv_python))


class PoetryInstaller(PipInstaller):
    """Poetry adopts the venv it finds active; `up` has made it, with its exact pip."""

    def install(self, pins: Pins) -> Argv:  # noqa: ARG002
        return ("poetry", "install", "--no-interaction", "--no-ansi")


_INSTALLERS: dict[InstallerName, Installer] = {
    "pip": PipInstaller(),
    "uv": UvInstaller(),
    "poetry": PoetryInstaller(),
}
_GET = {
    "uv": "curl -LsSf https://astral.sh/uv/install.sh | sh   # or: brew install uv",
    "poetry": "pipx install poetry   # or: brew install poetry",
}


class PackagesStep(Step):
    name = StepName("packages")
    title = "Packages"

    def needed(self, pins: Pins, facts: Facts) -> str | None:  # noqa: ARG002
        return facts.packages.why

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, packages=PackagesFact(facts.packages.lock, None))

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:  # noqa: ARG002
        return (shlex.join(_INSTALLERS[pins.installer].install(pins)),)

    def run(self, context: StepContext) -> str:
        """Install between two stamps: the first says it is underway, the last that it is done."""
        pins, installer = context.pins, _INSTALLERS[context.pins.installer]
        _require(pins)
        wanted = lockfile.wanted(lockfile.entries(pins.lock), pins.python)
        ours = set((stamp_in(pins) or {"ours": []})["ours"])
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
        check = probe_project(_INSTALLERS[pins.installer].check(pins), pins)
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


def _completeness(pins: Pins) -> tuple[str, ...]:
    """Requirements without hashes are no lock: what they need besides is resolved."""
    return ("--require-hashes", "--no-deps") if pins.hashed else ()


def _require(pins: Pins) -> None:
    """Refuse where the pinned installer is not on this machine."""
    name = pins.installer
    if name != "pip" and not _is_here(name, pins):
        raise Refused(
            f"The packages are to be installed by {name}, which is not on PATH.",
            next=(_GET[name], "headstart up"),
        )


def _is_here(name: InstallerName, pins: Pins) -> bool:
    """On PATH as a step has it, where the project's venv comes first."""
    path = os.pathsep.join((str(pins.venv / "bin"), os.environ.get("PATH", os.defpath)))
    return shutil.which(name, path=path) is not None
