"""Read a lock, pip's or Poetry's, and ask which of its packages a given Python needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from pathlib import Path

PackageName = NewType("PackageName", str)

_ENTRY = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*==\s*(?P<version>[^\s;]+)"
)


@dataclass(frozen=True)
class Entry:
    """One package at one version, wanted where its PEP 508 marker holds (empty: everywhere)."""

    name: PackageName
    version: str
    marker: str


def normalize(name: str) -> PackageName:
    """PEP 503, as file names of installed distributions and locks spell names differently."""
    return PackageName(re.sub(r"[-_.]+", "-", name).lower())


def read(path: Path) -> tuple[Entry, ...]:
    """The packages of a lock: of Poetry's where it has that name, else of requirements."""
    if path.name == "poetry.lock":
        return parse_poetry(path.read_text(encoding="utf-8"))
    return tuple(entry for file in files(path) for entry in parse(file.read_text(encoding="utf-8")))


def files(path: Path) -> tuple[Path, ...]:
    """A requirements file, and those it includes."""
    text = path.read_text(encoding="utf-8")
    names = re.findall(r"^\s*(?:-r|-c|--requirement|--constraint)[ =]\s*(\S+)", text, re.MULTILINE)
    included = [path.parent / name for name in names if (path.parent / name).is_file()]
    return (path, *(file for each in included if each != path for file in files(each)))


def parse_poetry(text: str) -> tuple[Entry, ...]:
    """What `poetry install` brings by default, as far as the lock says for whom a package is.

    Locks of Poetry 1 do not say it, so nothing of them is known to be wanted everywhere.
    """
    import tomllib  # noqa: PLC0415 - only Poetry's projects pay for it

    packages = tomllib.loads(text).get("package", [])
    return tuple(
        Entry(normalize(each["name"]), each["version"], _poetry_marker(each.get("markers", "")))
        for each in packages
        if "groups" in each and not each.get("optional")
    )


def _poetry_marker(written: str | dict[str, str]) -> str:
    """One marker for all groups, or one for each: then it is wanted where any of them holds."""
    if isinstance(written, str):
        return written
    return " or ".join(f"({marker})" for marker in written.values())


def parse(text: str) -> tuple[Entry, ...]:
    """The pinned packages of a lock; comments, options and hashes are pip's own business."""
    logical = re.sub(r"[ \t]*\\\r?\n[ \t]*", " ", text)
    entries = (_parse_line(line) for line in logical.splitlines())
    return tuple(entry for entry in entries if entry)


def _parse_line(line: str) -> Entry | None:
    line = re.split(r"(?:^|\s)#|\s--hash=", line.strip(), maxsplit=1)[0]
    match = _ENTRY.match(line)
    if not match:
        return None
    _, _, marker = line[match.end() :].partition(";")
    return Entry(normalize(match["name"]), match["version"], marker.strip())


def wanted(entries: tuple[Entry, ...], python: str) -> dict[PackageName, str]:
    """The packages whose marker holds for `python` on this machine, with their versions."""
    from packaging.markers import Marker  # noqa: PLC0415 - only when the cheap check does not settle it

    target = {
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
        "implementation_version": python,
        "extra": "",
    }
    return {
        entry.name: entry.version
        for entry in entries
        if not entry.marker or Marker(entry.marker).evaluate(target)
    }
