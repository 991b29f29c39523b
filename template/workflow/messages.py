"""Messages of commits: https://www.conventionalcommits.org, version 1.0.0."""

from __future__ import annotations

import re
from typing import NamedTuple

from workflow.errors import Refused

TYPES = (
    *("feat", "fix", "docs", "style", "refactor", "perf"),
    *("test", "build", "ci", "chore", "revert"),
)
_SUBJECT = re.compile(
    r"(?P<type>[a-z]+)(?P<scope>\([^()\s]+\))?(?P<breaking>!)?: (?P<description>\S.*)"
)
# What git and headstart write by themselves.
_WRITTEN_BY_PROGRAMS = re.compile(
    r'(Merge|Revert "|Reapply "|fixup!|squash!|amend!|Pass over the template) ?\S'
)
_OF_HEADSTART = re.compile(r"^Headstart-Template: ", re.MULTILINE)
_SCISSORS = re.compile(r"^# -+ >8 -+$", re.MULTILINE)
_BREAKING = re.compile(r"^BREAKING[ -]CHANGE: ", re.MULTILINE)


class Change(NamedTuple):
    """What a message says: its type, what it is about, what was done."""

    type: str
    scope: str
    description: str
    is_breaking: bool


def parsed(message: str) -> Change | None:
    """What a conventional message says; None of any other."""
    subject, _, body = message.partition("\n")
    match = _SUBJECT.fullmatch(subject.rstrip())
    if not match or match["type"] not in TYPES:
        return None
    breaking = bool(match["breaking"] or _BREAKING.search(body))
    return Change(match["type"], (match["scope"] or "")[1:-1], match["description"], breaking)


def check(message: str, what: str = "The first line of the message") -> None:
    """Refuse what is no conventional message, and no program's."""
    if _WRITTEN_BY_PROGRAMS.match(message) or _OF_HEADSTART.search(message):
        return
    if parsed(message) is None:
        raise Refused(
            f"{what} must say what kind of change it is: TYPE: what was done, or TYPE(WHERE): …",
            f"The types: {', '.join(TYPES)}; with ! before the colon it breaks something.",
            "For example: fix(profiles): a headshot of 0 bytes is refused",
        )


def written(text: str) -> str:
    """A message as git commits it: without comments, and what is below the scissors."""
    lines = _SCISSORS.split(text)[0].splitlines()
    return "\n".join(line for line in lines if not line.startswith("#")).strip()
