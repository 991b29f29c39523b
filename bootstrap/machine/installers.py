"""Who installs the packages: pip, uv or Poetry, into the same environment from the same lock."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Literal, Protocol

from bootstrap.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootstrap.lockfile import PackageName
    from bootstrap.machine.pins import Pins

Name = Literal["pip", "uv", "poetry"]
Argv = tuple[str, ...]


class Installer(Protocol):
    """What is installed is verified the same way, whoever did it."""

    def install(self, pins: Pins) -> Argv:
        """Everything in the lock, each download checked against its hash."""

    def uninstall(self, pins: Pins, names: Sequence[PackageName]) -> Argv:
        """What an earlier lock brought and this one does not."""

    def check(self, pins: Pins) -> Argv:
        """Whether all that is installed fits together."""


class Pip:
    def install(self, pins: Pins) -> Argv:
        """The lock is complete, so nothing is resolved; Python compiles what it imports itself."""
        flags = ("--no-compile", "--progress-bar", "off")
        return (*pip(pins), "install", *_completeness(pins), *flags, "-r", str(pins.lock))

    def uninstall(self, pins: Pins, names: Sequence[PackageName]) -> Argv:
        return (*pip(pins), "uninstall", "--yes", *names)

    def check(self, pins: Pins) -> Argv:
        return (*pip(pins), "check")


class Uv:
    def install(self, pins: Pins) -> Argv:
        flags = (*_completeness(pins), "--no-progress", "--no-config")
        return (*self._pip(pins, "install"), *flags, "-r", str(pins.lock))

    def uninstall(self, pins: Pins, names: Sequence[PackageName]) -> Argv:
        return (*self._pip(pins, "uninstall"), *names)

    def check(self, pins: Pins) -> Argv:
        """It looks at the same as pip, in a thirtieth of the time."""
        return (*self._pip(pins, "check"), "--quiet") if _is_here("uv", pins) else Pip().check(pins)

    def _pip(self, pins: Pins, command: str) -> Argv:
        return ("uv", "pip", command, "--python", str(pins.venv_python))


class Poetry:
    """Poetry adopts the environment it finds active; `up` has made it, with its exact pip."""

    def install(self, pins: Pins) -> Argv:  # noqa: ARG002
        return ("poetry", "install", "--no-interaction", "--no-ansi")

    def uninstall(self, pins: Pins, names: Sequence[PackageName]) -> Argv:
        return (*pip(pins), "uninstall", "--yes", *names)

    def check(self, pins: Pins) -> Argv:
        return (*pip(pins), "check")


_INSTALLERS: dict[Name, Installer] = {"pip": Pip(), "uv": Uv(), "poetry": Poetry()}
_GET = {
    "uv": "curl -LsSf https://astral.sh/uv/install.sh | sh   # or: brew install uv",
    "poetry": "pipx install poetry   # or: brew install poetry",
}


def _completeness(pins: Pins) -> tuple[str, ...]:
    """Requirements without hashes are no lock: what they need besides is resolved."""
    return ("--require-hashes", "--no-deps") if pins.hashed else ()


def of(pins: Pins) -> Installer:
    return _INSTALLERS[pins.installer]


def pip(pins: Pins) -> Argv:
    return (str(pins.venv_python), "-m", "pip")


def require(pins: Pins) -> None:
    """Refuse where the pinned installer is not on this machine."""
    name = pins.installer
    if name != "pip" and not _is_here(name, pins):
        raise Refused(
            f"The packages are to be installed by {name}, which is not on PATH.",
            next=(_GET[name], "headstart up"),
        )


def _is_here(name: Name, pins: Pins) -> bool:
    """On PATH as a step has it, where the project's environment comes first."""
    path = os.pathsep.join((str(pins.venv / "bin"), os.environ.get("PATH", os.defpath)))
    return shutil.which(name, path=path) is not None
