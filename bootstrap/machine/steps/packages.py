"""The packages in the venv: pip itself, and those of the lock with every hash checked."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap.errors import HeadstartError, Refused
from bootstrap.files import write_atomically
from bootstrap.machine.facts.packages import (
    STAMP,
    PackagesFact,
    PipFact,
    Stamp,
    difference,
    distributions,
    locked,
    stamp_in,
)
from bootstrap.machine.runner import CommandError, probe_project
from bootstrap.machine.steps.step import Finding, Step, StepName
from bootstrap.versions import minor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootstrap.lockfile import PackageName
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.pins import Argv, Pins
    from bootstrap.machine.steps.step import StepContext


_GET = {
    "uv": "curl -LsSf https://astral.sh/uv/install.sh | sh   # or: brew install uv",
    "poetry": "pipx install poetry   # or: brew install poetry",
}


class PipStep(Step):
    """Exactly the pinned pip, changed in place."""

    name = StepName("pip")
    title = "pip"

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        if facts.pip.version == pins.pip:
            return None
        if facts.pip.version is None:
            return "the venv has no working pip"
        return f"pip {facts.pip.version} is installed, {pins.pip} is pinned"

    def expect(self, pins: Pins, facts: Facts) -> Facts:
        return replace(facts, pip=PipFact(pins.pip))

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:  # noqa: ARG002
        return (shlex.join((*pins.venv_pip, *_pip_install(pins))),)

    def run(self, context: StepContext) -> str:
        pins = context.pins
        _forget_pip(pins, even_whole=False)
        try:
            context.run((*pins.venv_pip, *_pip_install(pins)))
        except CommandError:
            # The pip in there may be missing, or one that cannot work on this Python.
            forced = ("--force-reinstall", "--no-deps")
            python = (str(pins.venv_python), *_another_pip(context))
            context.run((*python, *_pip_install(pins), *forced))
        return f"{context.facts.pip.version or 'none'} → {pins.pip}"

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:  # noqa: ARG002
        version = probe_project((*pins.venv_pip, "-V"), pins)
        if version.output.split()[:2] != ["pip", pins.pip]:
            return (self._broken(f"pip -V says {version.output!r}, not pip {pins.pip}"),)
        # Some pips answer -V and die at everything else (23.0.1 on Python 3.12).
        listing = probe_project((*pins.venv_pip, "list"), pins)
        if listing.code:
            return (self._broken(f"pip {pins.pip} does not work: {listing.output[-200:]}"),)
        return ()

    def _broken(self, problem: str) -> Finding:
        return self.broken(problem, "headstart doctor --fix")


class PackagesStep(Step):
    """The packages of the lock, by the pinned installer."""

    name = StepName("packages")
    title = "Packages"

    def needed(self, pins: Pins, facts: Facts) -> str | None:  # noqa: ARG002
        return facts.packages.why

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, packages=PackagesFact(facts.packages.lock, None))

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:  # noqa: ARG002
        return (shlex.join(_install(pins)),)

    def run(self, context: StepContext) -> str:
        """Install between two stamps: the first says it is underway, the last that it is done."""
        pins = context.pins
        _require_installer(pins)
        wanted = locked(pins)
        ours = set((stamp_in(pins) or {"ours": []})["ours"])
        _write_stamp(pins, Stamp(lock="", folders=[], ours=sorted(ours | wanted.keys())))
        _sweep(pins)
        gone = [each.name for each in distributions(pins) if each.name in ours - wanted.keys()]
        if gone:
            context.run(_uninstall(pins, gone))
        context.run(_install(pins))
        if left := difference(pins):
            what = f"{pins.installer} said it is done, but it is not."
            raise HeadstartError(what, why=(left,), next=("headstart up",))
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
        if found := difference(pins):
            repair = f"rm {shlex.quote(str(pins.venv / STAMP))} && headstart up"
            return (self.broken(found, repair),)
        check = probe_project(_check(pins), pins)
        if check.code == 0:
            return ()
        repair = "change the requirements and lock again, or remove what the lock did not bring"
        return tuple(
            self.notice(f"pip check: {line}", repair)
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


def strictness(pins: Pins) -> Argv:
    """A whole lock needs no resolving; requirements without hashes are none."""
    return ("--require-hashes", "--no-deps") if pins.hashed else ()


def _install(pins: Pins) -> Argv:
    """Everything in the lock, each download checked against its hash.

    Poetry adopts the venv it finds active; `up` has made it, with its exact pip.
    """
    lock = ("-r", str(pins.lock))
    if pins.installer == "poetry":
        return ("poetry", "install", "--no-interaction", "--no-ansi")
    if pins.installer == "uv":
        return (*_uv(pins, "install"), *strictness(pins), "--no-progress", "--no-config", *lock)
    # Python compiles what it imports itself.
    flags = ("--no-compile", "--progress-bar", "off")
    return (*pins.venv_pip, "install", *strictness(pins), *flags, *lock)


def _uninstall(pins: Pins, names: Sequence[PackageName]) -> Argv:
    if pins.installer == "uv":
        return (*_uv(pins, "uninstall"), *names)
    return (*pins.venv_pip, "uninstall", "--yes", *names)


def _check(pins: Pins) -> Argv:
    """Whether all fits together; uv looks at the same as pip, in a thirtieth of the time."""
    if pins.installer == "uv" and _is_here("uv", pins):
        return (*_uv(pins, "check"), "--quiet")
    return (*pins.venv_pip, "check")


def _uv(pins: Pins, command: str) -> Argv:
    return ("uv", "pip", command, "--python", str(pins.venv_python))


def _require_installer(pins: Pins) -> None:
    name = pins.installer
    if name != "pip" and not _is_here(name, pins):
        raise Refused(
            f"This project installs its packages with {name}, which is not on PATH.",
            next=(_GET[name], "headstart up"),
        )


def _is_here(name: str, pins: Pins) -> bool:
    """On PATH as a step has it, where the project's venv comes first."""
    path = os.pathsep.join((str(pins.venv / "bin"), os.environ.get("PATH", os.defpath)))
    return shutil.which(name, path=path) is not None


def _pip_install(pins: Pins) -> Argv:
    return ("install", "--progress-bar", "off", f"pip=={pins.pip}")


def _forget_pip(pins: Pins, *, even_whole: bool) -> None:
    """What has metadata is there for an installer, whether it works or not."""
    for each in distributions(pins):
        if each.name == "pip" and (even_whole or not each.complete):
            shutil.rmtree(each.folder)


def _another_pip(context: StepContext) -> tuple[str, ...]:
    """A pip that works on this Python: virtualenv carries a wheel that runs as it is.

    virtualenv has dropped the oldest Pythons: those get the pip they carry themselves.
    """
    from virtualenv.seed.wheels.embed import get_embed_wheel  # noqa: PLC0415 - rarely needed

    wheel = get_embed_wheel("pip", minor(context.pins.python))
    if wheel is not None:
        return (f"{wheel.path}/pip",)
    _forget_pip(context.pins, even_whole=True)
    context.run((str(context.pins.venv_python), "-m", "ensurepip"))
    return ("-m", "pip")
