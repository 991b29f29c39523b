"""What an installer is: the tool whose format a project's list or lock has."""

from __future__ import annotations

import hashlib
import json
import os
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from bootstrap import lockfile
from bootstrap.machine import package_indexes
from bootstrap.machine.installers import deciding, tools
from bootstrap.machine.runner import clean_environment
from bootstrap.processes import probe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bootstrap.lockfile import PackageName
    from bootstrap.machine.pins import Argv, Pins
    from bootstrap.processes import ProbeResult

_MINUTES = 600
_NOT_FOUND = 127
_SHOWN = 3


class Judgement(NamedTuple):
    """What a tool's own report says of the venv: in what it differs, or why that is not known.

    Both are empty where all is there that the project asks for.
    """

    lacking: str = ""
    unclear: str = ""


class Installer(ABC):
    """`tool` is the program that it runs; the venv's own pip where that is "pip"."""

    tool: ClassVar[str]

    @abstractmethod
    def commands(self, pins: Pins) -> tuple[Argv, ...]:
        """What installs everything that the project asks for; repeated, it changes nothing."""

    @abstractmethod
    def judge(self, pins: Pins) -> Judgement:
        """What the tool itself says of the venv. It may take seconds, and changes nothing."""

    @abstractmethod
    def names(self, pins: Pins) -> frozenset[PackageName]:
        """The packages that the list names, for this Python or another."""

    def exact(self, pins: Pins) -> dict[PackageName, str] | None:  # noqa: ARG002
        """The whole of the list for this Python; None where only the tool itself can tell."""
        return None

    def surely_asks(self, pins: Pins) -> bool:  # noqa: ARG002
        """Whether a glance shows that it names something for every Python."""
        return False

    def pinned(self, pins: Pins) -> dict[PackageName, str]:  # noqa: ARG002
        """What the list names at one version for this Python, in whichever other ways it speaks."""
        return {}

    def outdated(self, pins: Pins) -> str:  # noqa: ARG002
        """What a lock surely lacks of what it was made of, seen in the files alone."""
        return ""

    def inputs(self, pins: Pins) -> tuple[Path, ...]:
        """All files that decide what is installed."""
        return tuple(dict.fromkeys((pins.lock, *lockfile.metadata_files(pins.lock.parent))))

    def is_installed(
        self,
        pins: Pins,  # noqa: ARG002
        path: Path,  # noqa: ARG002
        document: Mapping[str, object],  # noqa: ARG002
    ) -> bool:
        """Whether the project whose pyproject.toml it is, is installed with what it asks for."""
        return True

    def decisive(self, pins: Pins, path: Path) -> bytes:
        """What one of the files says of what is installed."""
        content = path.read_bytes() if path.is_file() else b""
        if path.name != "pyproject.toml":
            return content
        return deciding.of_project(content, partial(self.is_installed, pins, path))


class LockInstaller(Installer):
    """A tool that one command lets install its own lock, which has a table for each package."""

    def commands(self, pins: Pins) -> tuple[Argv, ...]:
        return (self.command(pins),)

    @abstractmethod
    def command(self, pins: Pins) -> Argv:
        """What installs all of the lock that is asked for."""

    def names(self, pins: Pins) -> frozenset[PackageName]:
        packages = _toml(pins.lock).get("package")
        found = packages if isinstance(packages, list) else []
        return frozenset(lockfile.normalize(str(each["name"])) for each in found if "name" in each)


def digest(installer: Installer, pins: Pins) -> str:
    """One for all that decides what is installed; comments and other tools' settings aside."""
    chosen = (pins.extras, pins.groups, pins.editable, pins.installer_version)
    parts = [installer.decisive(pins, path) for path in installer.inputs(pins)]
    if any(chosen[:3]) or pins.groups is not None or chosen[3]:
        parts.append(json.dumps(chosen).encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()


def answer(argv: Argv, pins: Pins) -> ProbeResult:
    """Ask a tool, which may have to download something before it knows."""
    with package_indexes.reached(pins, clean_environment(os.environ, pins)) as environ:
        return probe(argv, environ=environ, cwd=pins.root, seconds=_MINUTES)


def last_words(answered: ProbeResult) -> str:
    """Why a tool has no answer, in its own last line."""
    if answered.code == _NOT_FOUND:
        return "it is not on PATH"
    said = [line.strip() for line in answered.output.splitlines() if line.strip()]
    return said[-1][:300] if said else f"exit code {answered.code}, and not a word"


def program(pins: Pins, tool: str) -> str:
    """The tool as a command names it: the version that is pinned, else what PATH finds."""
    return str(tools.pinned(tool, pins.installer_version)) if pins.installer_version else tool


def in_short(found: Sequence[str]) -> str:
    """The first of them, and whether there are more."""
    more = ", …" if len(found) > _SHOWN else ""
    return f"{', '.join(found[:_SHOWN])}{more}"


def _toml(path: Path) -> Mapping[str, object]:
    import tomllib  # noqa: PLC0415 - lists of requirements do without

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
