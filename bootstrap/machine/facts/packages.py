"""Does the virtual environment hold what the lock says, and which pip does it have?"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from bootstrap import lockfile
from bootstrap.machine.facts.venv import VenvFact, VenvState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bootstrap.lockfile import PackageName
    from bootstrap.machine.pins import Pins

STAMP = "headstart-packages.json"


class Stamp(TypedDict):
    """Left in the venv by the packages step.

    `lock` is the digest of the lock that is fully installed (empty while one is being installed),
    `folders` the dist-info folders that prove it, `ours` the packages that locks of ours brought.
    """

    lock: str
    folders: list[str]
    ours: list[PackageName]


@dataclass(frozen=True)
class Distribution:
    """An installed package; incomplete when its installer was stopped half-way.

    pip writes INSTALLER and RECORD last, and cannot repair or remove what lacks a RECORD.
    """

    name: PackageName
    version: str
    folder: Path

    @property
    def complete(self) -> bool:
        return (self.folder / "INSTALLER").is_file() and (self.folder / "RECORD").is_file()


@dataclass(frozen=True)
class PackagesFact:
    """`why` says in what the venv differs from the lock; None when it does not."""

    lock: str
    why: str | None


@dataclass(frozen=True)
class PipFact:
    """`version` is None when there is no pip, or a half-installed one."""

    version: str | None


def look(pins: Pins, venv: VenvFact) -> PackagesFact:
    contents = (file.read_bytes() for file in lockfile.files(pins.lock))
    digest = hashlib.sha256(b"".join(contents)).hexdigest()
    if venv.state is not VenvState.READY:
        return PackagesFact(digest, "there is no venv to hold them yet")
    stamp = stamp_in(pins)
    present = {at.name for at in pins.site_packages.iterdir()}
    if stamp and stamp["lock"] == digest and present.issuperset(stamp["folders"]):
        return PackagesFact(digest, None)
    if stamp and not stamp["lock"]:
        return PackagesFact(digest, "an earlier installation did not finish")
    return PackagesFact(digest, difference(pins))


def look_at_pip(pins: Pins, venv: VenvFact) -> PipFact:
    if venv.state is not VenvState.READY:
        return PipFact(None)
    pips = [each for each in distributions(pins) if each.name == "pip"]
    healthy = len(pips) == 1 and pips[0].complete
    return PipFact(pips[0].version if healthy else None)


def stamp_in(pins: Pins) -> Stamp | None:
    try:
        stamp: Stamp = json.loads((pins.venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stamp


def distributions(pins: Pins) -> tuple[Distribution, ...]:
    return tuple(
        Distribution(lockfile.normalize(name), version, folder)
        for folder in sorted(pins.site_packages.glob("*.dist-info"))
        for name, _, version in [folder.name.removesuffix(".dist-info").rpartition("-")]
    )


def locked(pins: Pins) -> dict[PackageName, str]:
    """The packages that the lock has for this Python, and their versions."""
    return lockfile.wanted(lockfile.entries(pins.lock), pins.python)


def difference(pins: Pins) -> str | None:
    """In what the venv differs from the lock, in a few words; None where it does not.

    Only what an earlier lock brought is no longer locked: what a person installed is theirs.
    """
    wanted, installed = locked(pins), {each.name: each for each in distributions(pins)}
    there = [name for name in wanted if name in installed]
    ours = (stamp_in(pins) or {"ours": []})["ours"]
    differences: dict[str, Sequence[str]] = {
        "missing": [f"{name} {wanted[name]}" for name in wanted if name not in installed],
        "different": [
            f"{name} {installed[name].version} instead of {wanted[name]}"
            for name in there
            if not same_version(installed[name].version, wanted[name])
        ],
        "half installed": [name for name in there if not installed[name].complete],
        "no longer locked": [name for name in ours if name in installed and name not in wanted],
    }
    return ", ".join(_in_short(what, names) for what, names in differences.items() if names) or None


def _in_short(what: str, names: Sequence[str]) -> str:
    more = ", …" if len(names) > 2 else ""  # noqa: PLR2004
    return f"{len(names)} {what} ({', '.join(names[:2])}{more})"


def same_version(one: str, other: str) -> bool:
    """Folder names spell 1.0 and 1.0.0 as the wheel did; locks as the index did."""
    if one == other:
        return True
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415 - rarely needed, 40 ms

    try:
        return Version(one.replace("_", "-")) == Version(other)
    except InvalidVersion:
        return False
