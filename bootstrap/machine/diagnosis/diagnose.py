"""Name the cause that a log shows: a pure function of its text."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING

from bootstrap.machine.diagnosis.causes import UNKNOWN, Advice, CauseId, Retry, all_causes
from bootstrap.versions import minor, numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bootstrap.machine.diagnosis.causes import Cause, Signature
    from bootstrap.machine.diagnosis.log import Log

_SCREEN = 3000
_TRIES = 200  # places whose surroundings are looked at: more would take long, and tell no more
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
# What is left to show where no line says "error": other words for it, in a few languages.
_COMPLAINT = re.compile(
    r"(?i)fail|abort|invalid|illegal|unable|mismatch|unrecogni[sz]ed|unsupported|malformed|corrupt"
    r"|denied|not found|missing|could ?n[o']t|cannot|exception|traceback|not permitted|^E: "
    r"|fehler|fehlgeschlagen|erreur|\berrore?\b|erro\b|ошибка|[错錯][误誤]|失[败敗]|エラー|오류"
)
_SUCCEEDED = re.compile(r"^Installed Python-\S{1,100} to ", re.MULTILINE)


@dataclass(frozen=True)
class Diagnosis:
    """`line` is that of the evidence in its file, from 1; 0 where there is none.

    `failed` is whether the log is that of a failure; `others` are logs of other builds beside it.
    """

    cause: CauseId
    evidence: str
    file: str
    line: int
    explanation: str
    repair: tuple[str, ...]
    source: str
    retry: Retry | None = None
    failed: bool = True
    others: tuple[str, ...] = ()

    @property
    def unexplained(self) -> bool:
        return self.failed and self.cause == UNKNOWN


@dataclass(frozen=True)
class Sighting:
    """A cause where the log shows it first, and what the signature has of its own."""

    cause: Cause
    signature: Signature
    match: re.Match[str]


def diagnose(log: Log, here: str = "linux", family: str = "") -> Diagnosis:
    """The cause; `here` and `family` are this machine's, for a log that does not tell its own."""
    system = log.system or here
    ranks = (_first(_sightings(log, system, last=last)) for last in (False, True))
    sighting = next((found for found in ranks if found), None)
    if sighting is None:
        return _unknown(log)
    cause, signature, match = sighting.cause, sighting.signature, sighting.match
    file, line = log.place(log.text.count("\n", 0, match.start()) + 1)
    at = "macos" if system == "macos" else log.family or (family if system == here else "")
    found = {name: value for name, value in match.groupdict().items() if value}
    return Diagnosis(
        cause=cause.id,
        evidence=_line_of(log.text, match),
        file=file,
        line=line,
        explanation=cause.explanation,
        repair=repair(cause, at, log.python, signature.repair, found),
        source=cause.source,
        retry=_retry(signature.retry or cause.retry, found),
        others=log.others,
    )


def repair(
    cause: Cause,
    family: str,
    python: str,
    own: tuple[Advice, ...] = (),
    found: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, ...]:
    """What a person types on a system of that family; without one, what is to be installed.

    `own` is the signature's, instead of the cause's; `found` what the signature names of the log.
    """
    version = python or "VERSION"
    words = {
        "{install}": install_command(cause.packages.get(family, ()), family),
        "{upgrade}": "brew upgrade pyenv" if family == "macos" else 'git -C "$(pyenv root)" pull',
        "{python_command}": f"python{minor(version)}" if python else "python3",
        "{python}": version,
        **{f"{{{name}}}": value for name, value in found.items()},
    }
    if cause.packages and not words["{install}"] and family != "macos":
        needed = ", ".join(cause.packages.get("debian", ()))
        words["{install}"] = f"install what is called {needed} on Debian"
    system = "macos" if family == "macos" else "linux"
    advice = (each.text for each in own or cause.repair if each.system in {"", system})
    lines = (_filled(line, words) for line in advice)
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
    return _first_line(text, _ERROR)


def _first_line(text: str, sign: re.Pattern[str]) -> tuple[str, int]:
    for number, line in enumerate(text.split("\n"), 1):
        if sign.search(line) and not _NO_ERROR.search(line):
            return line.strip()[:_LONGEST], number
    return "", 0


def _filled(line: str, words: dict[str, str]) -> str:
    for placeholder, word in words.items():
        line = line.replace(placeholder, word)
    return line


def _retry(retry: Retry | None, found: Mapping[str, str]) -> Retry | None:
    """With what the signature names of the log in the variables' names."""
    if retry is None or not found:
        return retry
    words = {f"{{{name}}}": value for name, value in found.items()}
    variables = {_filled(name, words): value for name, value in retry.variables.items()}
    return replace(retry, variables=variables)


def _sightings(log: Log, system: str, *, last: bool) -> Iterable[Sighting]:
    version = numbers(log.python)
    for cause in all_causes():
        found = [
            Sighting(cause, signature, match)
            for signature in cause.signatures
            if signature.last == last and (match := _match(signature, log.text, system, version))
        ]
        if found:
            yield min(found, key=_place)


def _first(sightings: Iterable[Sighting]) -> Sighting | None:
    """The cause of highest precedence; within its group, the one that the log shows first."""
    rest = iter(sightings)
    found = next(rest, None)
    if found is None or not found.cause.group:
        return found
    equal = (each for each in rest if each.cause.group == found.cause.group)
    return min((found, *equal), key=_place)


def _place(sighting: Sighting) -> int:
    return sighting.match.start()


def _match(
    signature: Signature, text: str, system: str, version: tuple[int, ...]
) -> re.Match[str] | None:
    found = _first_match(signature, text) if _is_for(signature, system, version) else None
    if found is None:
        return None
    excluded = (signature.also and not signature.also.search(text)) or (
        signature.unless and signature.unless.search(text)
    )
    return None if excluded else found


def _is_for(signature: Signature, system: str, version: tuple[int, ...]) -> bool:
    return (
        signature.system in {"", system}
        and (not signature.newer or version > signature.newer)
        and (not signature.older or () < version < signature.older)
    )


def _first_match(signature: Signature, text: str) -> re.Match[str] | None:
    if signature.near is None:
        return signature.match.search(text)
    for match in islice(signature.match.finditer(text), _TRIES):
        around = text[max(0, match.start() - _SCREEN) : match.end() + _SCREEN]
        if signature.near.search(around):
            return match
    return None


def _line_of(text: str, match: re.Match[str]) -> str:
    """The whole line of a match; of one that spans lines, the last."""
    start = text.rfind("\n", 0, match.end()) + 1
    end = text.find("\n", match.end())
    return text[start : end if end >= 0 else len(text)].strip()[:_LONGEST]


def _unknown(log: Log) -> Diagnosis:
    whole = "give the whole log, not only its last lines: the first error is often not among them"
    evidence, number = first_error(log.text)
    explanation = "No cause that Headstart knows shows in this log; this is its first error."
    if not evidence and _succeeded(log.text):
        none = "There is no error in this log."
        return Diagnosis(UNKNOWN, "", "", 0, none, (), "", failed=False, others=log.others)
    if not evidence:
        evidence, number = _first_line(log.text, _COMPLAINT)
        explanation = "Why it failed does not show in these lines."
    file, line = log.place(number) if evidence else ("", 0)
    return Diagnosis(UNKNOWN, evidence, file, line, explanation, (whole,), "", others=log.others)


def _succeeded(text: str) -> bool:
    return "BUILD FAILED" not in text and _SUCCEEDED.search(text) is not None
