"""The causes this version knows, read from `signatures.yml`: of builds, and of other commands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NewType

import yaml

from bootstrap.versions import numbers

if TYPE_CHECKING:
    from collections.abc import Iterable

CauseId = NewType("CauseId", str)
Version = tuple[int, ...]
CauseRow = dict[str, Any]  # as signatures.yml has it

UNKNOWN = CauseId("unknown")
_FILE = Path(__file__).with_name("signatures.yml")
# How far `*` and `+` of a pattern reach. Without a limit, a pattern that begins at every place of a
# line and looks for something to its end takes the square of the line's length.
_REACH = 240
_TIMES = re.compile(r"(?P<kept>\\.|\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<least>[*+])(?P<manner>[?+]?)")
_SHARED = re.compile(r"<<(\w+)>>")


@dataclass(frozen=True)
class Retry:
    """What one more attempt changes: variables that are set, dropped, or lose some options."""

    variables: dict[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    strip: dict[str, re.Pattern[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Advice:
    """A line of a repair, on that system; on every one where `system` is empty."""

    text: str
    system: str = ""


@dataclass(frozen=True)
class Signature:
    """How a log shows a cause: `match`, under the conditions that are set.

    One that is `last` counts only where no other shows. `repair` and `retry` are the cause's where
    the signature has none of its own.
    """

    match: re.Pattern[str]
    also: re.Pattern[str] | None = None
    unless: re.Pattern[str] | None = None
    near: re.Pattern[str] | None = None
    system: str = ""
    newer: Version = ()
    older: Version = ()
    last: bool = False
    repair: tuple[Advice, ...] = ()
    retry: Retry | None = None


@dataclass(frozen=True)
class Cause:
    """`header` is what the compiler must find."""

    id: CauseId
    explanation: str
    repair: tuple[Advice, ...]
    source: str
    signatures: tuple[Signature, ...]
    telling: tuple[re.Pattern[str], ...]
    packages: dict[str, tuple[str, ...]]
    retry: Retry | None
    group: str
    header: str


@dataclass(frozen=True)
class EvidentCause:
    """Why a command failed, in one sentence, and what can be done about it."""

    sentence: str
    repair: tuple[str, ...]


@cache
def all_causes() -> tuple[Cause, ...]:
    """In order of precedence."""
    rows = _document().items()
    return tuple(_cause(CauseId(name), row) for name, row in rows if "signatures" in row)


def cause_of_command(output: str) -> EvidentCause | None:
    """The cause where the output makes it evident; else the output says it best."""
    for row in (each["command"] for each in _document().values() if "command" in each):
        for signature in map(_signature, row["signatures"]):
            match = signature.match.search(output)
            if match and (signature.also is None or signature.also.search(output)):
                sentence = row["sentence"].format(**match.groupdict())
                return EvidentCause(sentence, tuple(row.get("repair", ())))
    return None


@cache
def _document() -> dict[str, CauseRow]:
    document: dict[str, CauseRow] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return document


def cause_named(name: str) -> Cause:
    return next(cause for cause in all_causes() if cause.id == name)


def _cause(name: CauseId, row: CauseRow) -> Cause:
    return Cause(
        id=name,
        explanation=row["explanation"],
        repair=_repair(row["repair"]),
        source=row["source"],
        signatures=tuple(_signature(each) for each in row["signatures"]),
        telling=tuple(_compiled(each) for each in row.get("telling", ())),
        packages={name: tuple(each.split()) for name, each in row.get("packages", {}).items()},
        retry=_retry(row["retry"]) if "retry" in row else None,
        group=row.get("group", ""),
        header=row.get("header", ""),
    )


def _signature(written: str | CauseRow) -> Signature:
    if isinstance(written, str):
        return Signature(_compiled(written))
    patterns = {
        name: _compiled(written[name])
        for name in ("match", "also", "unless", "near")
        if name in written
    }
    return Signature(
        **patterns,
        system=written.get("system", ""),
        newer=numbers(str(written.get("newer", ""))),
        older=numbers(str(written.get("older", ""))),
        last=written.get("last", False),
        repair=_repair(written.get("repair", ())),
        retry=_retry(written["retry"]) if "retry" in written else None,
    )


def _repair(lines: Iterable[str | dict[str, str]]) -> tuple[Advice, ...]:
    """A line that is a mapping has one text for each system it is for."""
    by_system = ({"": line} if isinstance(line, str) else line for line in lines)
    return tuple(Advice(text, system) for line in by_system for system, text in line.items())


def _retry(row: CauseRow) -> Retry:
    variables = {name: str(value) for name, value in row.get("variables", {}).items()}
    strip = {name: _compiled(options) for name, options in row.get("strip", {}).items()}
    return Retry(variables, tuple(row.get("drop", ())), strip)


def _compiled(pattern: str) -> re.Pattern[str]:
    shared: dict[str, str] = _document()["shared"]
    spelled = _SHARED.sub(lambda name: f"(?:{shared[name[1]]})", pattern)
    return re.compile(_TIMES.sub(_limited, spelled), re.MULTILINE)


def _limited(times: re.Match[str]) -> str:
    if times["kept"]:
        return times["kept"]
    return f"{{{0 if times['least'] == '*' else 1},{_REACH}}}{times['manner']}"
