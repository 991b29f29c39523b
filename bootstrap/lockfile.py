"""Read a lock, pip's or Poetry's: which packages it has, and which of them a Python needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType

from bootstrap.versions import minor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from packaging.requirements import Requirement

PackageName = NewType("PackageName", str)


@dataclass(frozen=True)
class LockEntry:
    """One package at one version, wanted where its PEP 508 marker holds (empty: everywhere)."""

    name: PackageName
    version: str
    marker: str = ""


def normalize(name: str) -> PackageName:
    """PEP 503, as file names of installed distributions and locks spell names differently."""
    return PackageName(re.sub(r"[-_.]+", "-", name).lower())


def requirements(text: str) -> Iterator[Requirement]:
    """The requirements in a file of pip's, without comments, options and hashes."""
    from packaging.requirements import (  # noqa: PLC0415 - 40 ms, where the quick check does without
        InvalidRequirement,
        Requirement,
    )

    for line in re.sub(r"[ \t]*\\\r?\n[ \t]*", " ", text).splitlines():
        stated = re.split(r"(?:^|\s)#|\s--", line.strip(), maxsplit=1)[0]
        try:
            yield Requirement(stated)
        except InvalidRequirement:  # an option, or a line for people
            continue


def pip_entries(text: str) -> tuple[LockEntry, ...]:
    """The requirements that are pinned to one version."""
    return tuple(
        LockEntry(normalize(each.name), version, str(each.marker or ""))
        for each in requirements(text)
        if (version := _exact(each))
    )


def poetry_entries(text: str) -> tuple[LockEntry, ...]:
    """What `poetry install` brings by default, as far as the lock says for whom a package is.

    Locks of Poetry 1 do not say it, so nothing of them is known to be wanted everywhere.
    """
    import tomllib  # noqa: PLC0415 - only Poetry's projects pay for it

    packages = tomllib.loads(text).get("package", [])
    return tuple(
        LockEntry(normalize(each["name"]), each["version"], _poetry_marker(each.get("markers", "")))
        for each in packages
        if "groups" in each and not each.get("optional")
    )


def entries(path: Path) -> tuple[LockEntry, ...]:
    """The packages of a lock: of Poetry's where it has that name, else of requirements."""
    if path.name == "poetry.lock":
        return poetry_entries(path.read_text(encoding="utf-8"))
    texts = (file.read_text(encoding="utf-8") for file in files(path))
    return tuple(entry for text in texts for entry in pip_entries(text))


def files(path: Path) -> tuple[Path, ...]:
    """A requirements file, and those it includes."""
    text = path.read_text(encoding="utf-8")
    names = re.findall(r"^\s*(?:-r|-c|--requirement|--constraint)[ =]\s*(\S+)", text, re.MULTILINE)
    included = [path.parent / name for name in names if (path.parent / name).is_file()]
    return (path, *(file for each in included if each != path for file in files(each)))


def wanted(locked: tuple[LockEntry, ...], python: str) -> dict[PackageName, str]:
    """The packages whose marker holds for `python` on this machine, with their versions."""
    from packaging.markers import Marker  # noqa: PLC0415 - as above

    target = {
        "python_full_version": python,
        "python_version": minor(python),
        "implementation_version": python,
        "extra": "",
    }
    return {
        entry.name: entry.version
        for entry in locked
        if not entry.marker or Marker(entry.marker).evaluate(target)
    }


def _exact(requirement: Requirement) -> str:
    versions = [each.version for each in requirement.specifier if each.operator == "=="]
    return versions[0] if len(versions) == 1 and not versions[0].endswith(".*") else ""


def _poetry_marker(written: str | dict[str, str]) -> str:
    """One marker for all groups, or one for each: then it is wanted where any of them holds."""
    if isinstance(written, str):
        return written
    return " or ".join(f"({marker})" for marker in written.values())
