"""The changelog: a section for each version, the newest first."""

from __future__ import annotations

import re
from datetime import date

from workflow import versions
from workflow.messages import Change
from workflow.versions import Version

FILE = "CHANGELOG.md"
TITLE = "# Changelog\n"
_KINDS = {"feat": "Features", "fix": "Fixes", "perf": "Faster"}
_BREAKING = "Breaking"
_HEADING = re.compile(r"^## (?=\S)", re.MULTILINE)


def has(text: str, version: Version) -> bool:
    """Whether a version has its section."""
    return any(_version(section) == version for section in _split(text)[1])


def headed(text: str, version: Version, day: date, changes: list[Change]) -> str:
    """With a section of these changes for the version, at its place among the others."""
    head, sections = _split(text or TITLE)
    return _joined(head, [f"{version} - {day.isoformat()}\n\n{listed(changes)}", *sections])


def listed(changes: list[Change]) -> str:
    """What users notice of these changes, by kind."""
    found: dict[str, list[str]] = {}
    for kind in (_BREAKING, *_KINDS.values()):
        found[kind] = [_line(each) for each in changes if _kind(each) == kind]
    parts = [f"### {kind}\n\n" + "\n".join(lines) for kind, lines in found.items() if lines]
    return "\n\n".join(parts) or "Nothing that users notice."


def merged(ours: str, theirs: str) -> str | None:
    """The sections of both; None where both have one and it is not the same."""
    head, sections = _split(ours)
    here = {_name(each): each for each in sections}
    there = {_name(each): each for each in _split(theirs)[1]}
    if (
        not ours
        or not theirs
        or any(here[name].strip() != there[name].strip() for name in here.keys() & there.keys())
    ):
        return None
    return _joined(head, [*{**here, **there}.values()])


def _split(text: str) -> tuple[str, list[str]]:
    head, *sections = _HEADING.split(text)
    return head, sections


def _joined(head: str, sections: list[str]) -> str:
    """The newest first, behind what is no version's."""
    others = [each for each in sections if not _version(each)]
    ordered = sorted((each for each in sections if _version(each)), key=_order, reverse=True)
    return "\n\n## ".join(part.strip() for part in [head, *others, *ordered]) + "\n"


def _name(section: str) -> str:
    return section.partition("\n")[0].strip()


def _version(section: str) -> Version | None:
    words = _name(section).split()
    return versions.found(words[0].strip("[]").removeprefix("v")) if words else None


def _order(section: str) -> Version:
    return _version(section) or Version(0, 0, 0)


def _kind(change: Change) -> str:
    return _BREAKING if change.is_breaking else _KINDS.get(change.type, "")


def _line(change: Change) -> str:
    where = f"**{change.scope}**: " if change.scope else ""
    return f"- {where}{change.description}"
