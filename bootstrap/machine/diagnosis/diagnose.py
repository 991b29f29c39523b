"""Name the cause that a log shows: a pure function of its text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap.machine.diagnosis.causes import UNKNOWN, CauseId, Retry, all_causes
from bootstrap.versions import minor, numbers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bootstrap.machine.diagnosis.causes import Cause, Signature
    from bootstrap.machine.diagnosis.log import Log

_SCREEN = 3000
_LONGEST = 300
_INSTALL = {
    "macos": "brew install",
    "debian": "sudo apt-get install -y",
    "fedora": "sudo dnf install -y",
    "alpine": "sudo apk add",
    "arch": "sudo pacman -S --needed",
    "suse": "sudo zypper install -y",
}
_ERROR = re.compile(
    r"(?:\b(?:fatal )?error\b[: ]|\bError\b: |Error: |ERROR\b|\bfatal:|\*\*\* |: not found$"
    r"|command not found|undefined reference|undefined symbol|No such file or directory"
    r"|[Pp]ermission denied|Operation not permitted|Segmentation fault|Killed|Abort trap"
    r"|core dumped|cannot (?:find|create|open|stat|execute)|[Cc]an't (?:find|open|locate))"
)
_NO_ERROR = re.compile(
    r"^\s*(?:checking |(?:\S+/)?(?:gcc|clang|cc|g\+\+)(?:-\d+)? |Compiling |Listing "
    r"|creating |/\S*install -c"
    r"|copying |changing mode|config\.status|WARNING: |.*\bwarning: )|\.\.\. (?:no|yes)$"
    r"|configure: error: in [`']|^ERROR: test|\(os error"
)


@dataclass(frozen=True)
class Diagnosis:
    """`line` is that of the evidence in its file, from 1; 0 where there is none."""

    cause: CauseId
    evidence: str
    file: str
    line: int
    explanation: str
    repair: tuple[str, ...]
    source: str
    retry: Retry | None = None


@dataclass(frozen=True)
class Sighting:
    at: int
    cause: Cause
    text: str


def diagnose(log: Log, here: str = "linux", family: str = "") -> Diagnosis:
    """The cause; `here` and `family` are this machine's, for a log that does not tell its own."""
    system = log.system or here
    sighting = _first(_sightings(log, system))
    if sighting is None:
        return _unknown(log)
    cause = sighting.cause
    file, line = log.place(log.text.count("\n", 0, sighting.at) + 1)
    return Diagnosis(
        cause=cause.id,
        evidence=sighting.text,
        file=file,
        line=line,
        explanation=cause.explanation,
        repair=repair(cause, log.family or (system if system == "macos" else family), log.python),
        source=cause.source,
        retry=cause.retry,
    )


def repair(cause: Cause, family: str, python: str) -> tuple[str, ...]:
    """What a person types on a system of that family; without one, what is to be installed."""
    version = python or "VERSION"
    words = {
        "{install}": install_command(cause.packages.get(family, ()), family),
        "{upgrade}": "brew upgrade pyenv" if family == "macos" else 'git -C "$(pyenv root)" pull',
        "{python_command}": f"python{minor(version)}" if python else "python3",
        "{python}": version,
    }
    if cause.packages and not words["{install}"] and family != "macos":
        needed = ", ".join(cause.packages.get("debian", ()))
        words["{install}"] = f"install what is called {needed} on Debian"
    lines = (_filled(line, words) for line in cause.repair)
    return tuple(line for line in lines if line)


def install_command(packages: tuple[str, ...], family: str) -> str:
    """The exact command; on a Mac the compiler and make come with the Command Line Tools."""
    if family == "macos" and not packages:
        return "xcode-select --install"
    return f"{_INSTALL[family]} {' '.join(packages)}" if packages and family in _INSTALL else ""


def telling_line(line: str) -> Cause | None:
    """The cause that dooms a build for which configure has just written `line`."""
    for cause in all_causes():
        if any(pattern.search(line) for pattern in cause.telling):
            return cause
    return None


def first_error(text: str) -> tuple[str, int]:
    """The first line that is a real error, and its number; empty and 0 where there is none."""
    for number, line in enumerate(text.splitlines(), 1):
        if _ERROR.search(line) and not _NO_ERROR.search(line):
            return line.strip()[:_LONGEST], number
    return "", 0


def _filled(line: str, words: dict[str, str]) -> str:
    for placeholder, word in words.items():
        line = line.replace(placeholder, word)
    return line


def _sightings(log: Log, system: str) -> Iterable[Sighting]:
    version = numbers(log.python)
    for cause in all_causes():
        found = [
            match
            for signature in cause.signatures
            if (match := _match(signature, log.text, system, version))
        ]
        if found:
            first = min(found, key=lambda match: match.start())
            yield Sighting(first.start(), cause, _line_of(log.text, first))


def _first(sightings: Iterable[Sighting]) -> Sighting | None:
    """The cause of highest precedence; within its group, the one that the log shows first."""
    found = list(sightings)
    if not found:
        return None
    equal = [
        each for each in found if found[0].cause.group and each.cause.group == found[0].cause.group
    ]
    return min(equal, key=lambda each: each.at) if equal else found[0]


def _match(
    signature: Signature, text: str, system: str, version: tuple[int, ...]
) -> re.Match[str] | None:
    excluded = (
        (signature.system and signature.system != system)
        or (signature.newer and version <= signature.newer)
        or (signature.also and not signature.also.search(text))
        or (signature.unless and signature.unless.search(text))
    )
    if excluded:
        return None
    for match in signature.match.finditer(text):
        around = text[max(0, match.start() - _SCREEN) : match.end() + _SCREEN]
        if signature.near is None or signature.near.search(around):
            return match
    return None


def _line_of(text: str, match: re.Match[str]) -> str:
    """The whole line of a match; of one that spans lines, the last."""
    start = text.rfind("\n", 0, match.end()) + 1
    end = text.find("\n", match.end())
    return text[start : end if end >= 0 else len(text)].strip()[:_LONGEST]


def _unknown(log: Log) -> Diagnosis:
    evidence, number = first_error(log.text)
    if not evidence:
        return Diagnosis(UNKNOWN, "", "", 0, "There is no error in this log.", (), "")
    explanation = "No cause that Headstart knows shows in this log; this is its first error."
    whole = "give the whole log, not only its last lines: the first error is often not among them"
    return Diagnosis(UNKNOWN, evidence, *log.place(number), explanation, (whole,), "")
