"""The causes this version knows, read from `signatures.yml`: of builds, and of other commands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NewType

import yaml

from bootstrap.versions import numbers

CauseId = NewType("CauseId", str)
Version = tuple[int, ...]
CauseRow = dict[str, Any]  # as signatures.yml has it

UNKNOWN = CauseId("unknown")
_FILE = Path(__file__).with_name("signatures.yml")


@dataclass(frozen=True)
class Signature:
    """How a log shows a cause: `match`, under the conditions that are set."""

    match: re.Pattern[str]
    also: re.Pattern[str] | None = None
    unless: re.Pattern[str] | None = None
    near: re.Pattern[str] | None = None
    system: str = ""
    newer: Version = ()


@dataclass(frozen=True)
class Retry:
    """What one more attempt changes: variables that are set, dropped, or lose some options."""

    variables: dict[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    strip: dict[str, re.Pattern[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Cause:
    """`header` is what the compiler must find."""

    id: CauseId
    explanation: str
    repair: tuple[str, ...]
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
        for signature in row["signatures"]:
            if match := _compiled(signature).search(output):
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
        repair=tuple(row["repair"]),
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
    newer = numbers(str(written.get("newer", "")))
    return Signature(**patterns, system=written.get("system", ""), newer=newer)


def _retry(row: CauseRow) -> Retry:
    variables = {name: str(value) for name, value in row.get("variables", {}).items()}
    strip = {name: _compiled(options) for name, options in row.get("strip", {}).items()}
    return Retry(variables, tuple(row.get("drop", ())), strip)


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)
