"""Does the virtual environment hold what the project asks for, and which pip does it have?

A lock that names every package at one version is compared with what is installed. Of all others it
is only known here what their own tool said last, and whether anything has changed since.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NotRequired, TypedDict
from urllib.parse import unquote, urlsplit

from bootstrap import lockfile
from bootstrap.language import Said
from bootstrap.machine import installers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bootstrap.lockfile import PackageName
    from bootstrap.machine.facts.venv import VenvFact
    from bootstrap.machine.pins import Pins

STAMP = "headstart-packages.json"


class Stamp(TypedDict):
    """Left in the venv by the packages step.

    `lock` is the digest of all that decides what is installed (empty while it is being installed),
    `folders` the dist-info folders that prove it, `ours` the packages that lists of ours named.
    Where it was not finished, `asked` is what the digest was to be, and `why` says what stopped it.
    """

    lock: str
    folders: list[str]
    ours: list[PackageName]
    asked: NotRequired[str]
    why: NotRequired[str]


class Distribution(NamedTuple):
    """An installed package; incomplete when its installer was stopped half-way.

    pip writes INSTALLER and RECORD last, and cannot repair or remove what lacks a RECORD.
    """

    name: PackageName
    version: str
    folder: Path

    @property
    def complete(self) -> bool:
        return (self.folder / "INSTALLER").is_file() and (self.folder / "RECORD").is_file()


class PackagesFact(NamedTuple):
    """`why` says in what the venv differs from what is asked for; None when it does not.

    What is not `sure` only the installer can tell: then `why` says what has changed since it did.
    `no_tool` is the installer where it is needed and not on PATH.
    """

    lock: str
    why: str | None
    sure: bool = True
    no_tool: str = ""


class PipFact(NamedTuple):
    """`version` is None when there is no pip, or a half-installed one."""

    version: str | None


def look(pins: Pins, venv: VenvFact) -> PackagesFact:
    fact = _look(pins, venv)
    tool = installers.of(pins).tool
    here = fact.why is None or tool == "pip" or pins.installer_version or is_here(tool, pins)
    return fact if here else fact._replace(no_tool=tool)


def is_here(tool: str, pins: Pins) -> bool:
    """On PATH as a step has it, where the project's venv comes first."""
    path = os.pathsep.join((str(pins.venv / "bin"), os.environ.get("PATH", os.defpath)))
    return shutil.which(tool, path=path) is not None


def not_from_here(pins: Pins) -> str | None:
    """Whether the project itself is lacking, where it is worked on as it is installed."""
    if not pins.editable or any(works_on(each.folder, pins.root) for each in distributions(pins)):
        return None
    return Said("the project itself is not installed from here")


def _look(pins: Pins, venv: VenvFact) -> PackagesFact:
    from bootstrap.machine.installers.installer import digest as digest_of  # noqa: PLC0415

    installer = installers.of(pins)
    digest = digest_of(installer, pins)
    if not pins.lock.is_file():
        return PackagesFact(digest, Said("{file} is not made yet", file=pins.shown(pins.lock)))
    if not venv.works:
        older = installer.outdated(pins)
        return PackagesFact(digest, older or Said("there is no venv to hold them yet"))
    stamp = stamp_in(pins)
    changed = _changed(pins, stamp, digest)
    if changed is None:
        return PackagesFact(digest, not_from_here(pins))
    if older := installer.outdated(pins):
        return PackagesFact(digest, older)
    if stamp and not stamp["lock"]:
        return PackagesFact(digest, _unfinished(pins, stamp, digest))
    return _look_closer(pins, changed, digest)


def _look_closer(pins: Pins, changed: str, digest: str) -> PackagesFact:
    """How much can be known here of what has changed since an installer has judged it."""
    installer = installers.of(pins)
    if changed == _not_yet(pins) and installer.surely_asks(pins):
        return PackagesFact(digest, changed)
    wanted = installer.exact(pins)
    if wanted is None or pins.editable or pins.sources:
        # Without what the list names in so many words nothing can be right.
        named = wanted or installer.pinned(pins)
        missing = difference(pins, named, ours=()) or not_from_here(pins)
        return PackagesFact(digest, missing or changed, sure=missing is not None)
    return PackagesFact(digest, difference(pins, wanted))


def _unfinished(pins: Pins, stamp: Stamp, digest: str) -> str:
    """With the reason, as long as what was asked for then is what is asked for now."""
    why = stamp.get("why", "") if stamp.get("asked") == digest else ""
    if lock_lacks(pins, why):
        return why
    return Said("an earlier installation did not finish{why}", why=f": {why}" if why else "")


def lock_lacks(pins: Pins, why: str | None) -> bool:
    """Whether that says that the lock has to be made again: no installation will help."""
    return bool(why) and str(why).startswith((f"{pins.shown(pins.lock)} lacks", "the lock lacks"))


def _changed(pins: Pins, stamp: Stamp | None, digest: str) -> str | None:
    """What is not as the installer left it; None where all of it is."""
    lock = pins.shown(pins.lock)
    if stamp is None and {each.name for each in distributions(pins)} <= {"pip", "setuptools"}:
        return _not_yet(pins)
    if stamp is None:
        return Said(
            "whether {lock} is installed is not known: Headstart has not installed it here",
            lock=lock,
        )
    if stamp["lock"] != digest:
        return Said("{lock}, or what belongs to it, has changed since it was installed", lock=lock)
    there = distributions(pins)
    present = {each.folder.name for each in there}
    if gone := sorted(set(stamp["folders"]) - present):
        first = gone[0].removesuffix(".dist-info").replace("-", " ")
        return Said(
            "{number} of what was installed is no longer there ({first})",
            number=len(gone),
            first=first,
        )
    names = [each.name for each in there]
    twice = sorted({name for name in names if names.count(name) > 1})
    return Said("{name} is there in two versions", name=twice[0]) if twice else None


def _not_yet(pins: Pins) -> str:
    return Said("{file} is not installed yet", file=pins.shown(pins.lock))


def look_at_pip(pins: Pins, venv: VenvFact) -> PipFact:
    if not venv.works:
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


def works_on(folder: Path, root: Path) -> bool:
    """Whether a package is installed so that its files are those in `root` (PEP 610)."""
    try:
        source = json.loads((folder / "direct_url.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    place = unquote(urlsplit(str(source.get("url", ""))).path)  # tools quote different letters
    return Path(place) == root and bool(source.get("dir_info", {}).get("editable"))


def difference(
    pins: Pins, wanted: Mapping[PackageName, str], ours: Sequence[PackageName] | None = None
) -> str | None:
    """In what the venv differs from these versions, in a few words; None where it does not.

    Only what an earlier lock brought is no longer locked: what a person installed is theirs. `ours`
    are the packages that it brought, by the stamp unless they are given.
    """
    if ours is None:
        ours = (stamp_in(pins) or {"ours": []})["ours"]
    installed = {each.name: each for each in distributions(pins)}
    there = [name for name in wanted if name in installed]
    differences: dict[str, Sequence[str]] = {
        "missing": [f"{name} {wanted[name]}" for name in wanted if name not in installed],
        "different": [
            Said(
                "{name} {version} instead of {wanted}",
                name=name,
                version=installed[name].version,
                wanted=wanted[name],
            )
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
    """Folder names spell 1.0 and 1.0.0 as the wheel did; locks as the index did.

    What a builder added behind a plus sign is no other version, if the lock names none (PEP 440).
    """
    if one == other:
        return True
    from packaging.specifiers import (  # noqa: PLC0415 - rarely needed, 40 ms
        InvalidSpecifier,
        SpecifierSet,
    )
    from packaging.version import InvalidVersion  # noqa: PLC0415

    try:
        return SpecifierSet(f"=={other}").contains(one.replace("_", "-"), prereleases=True)
    except (InvalidVersion, InvalidSpecifier):
        return False
