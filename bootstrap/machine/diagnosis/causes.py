"""The causes this version knows, read from `signatures.yml`: of builds, and of other commands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NewType

import yaml

from bootstrap.versions import numbers

CauseId = NewType("CauseId", str)
Version = tuple[int, ...]
CauseRow = dict[str, object]

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

    environment: dict[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    strip: dict[str, re.Pattern[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Cause:
    """`header` and `module`: what the compiler must find, and what must import afterwards."""

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
    module: str


@cache
def all_causes() -> tuple[Cause, ...]:
    """In order of precedence."""
    rows = _document().items()
    return tuple(_cause(CauseId(name), row) for name, row in rows if "signatures" in row)


def cause_of_command(output: str) -> str | None:
    """One sentence where the output makes the cause evident; else the output says it best."""
    for row in (_row(each["command"]) for each in _document().values() if "command" in each):
        for signature in _items(row["signatures"]):
            if match := _compiled(signature).search(output):
                return str(row["sentence"]).format(**match.groupdict())
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
        explanation=str(row["explanation"]),
        repair=_texts(row["repair"]),
        source=str(row["source"]),
        signatures=tuple(_signature(each) for each in _items(row["signatures"])),
        telling=tuple(_compiled(each) for each in _items(row.get("telling"))),
        packages={
            family: tuple(str(names).split()) for family, names in _row(row.get("packages")).items()
        },
        retry=_retry(_row(row["retry"])) if "retry" in row else None,
        group=str(row.get("group", "")),
        header=str(row.get("header", "")),
        module=str(row.get("module", "")),
    )


def _signature(written: object) -> Signature:
    if not isinstance(written, dict):
        return Signature(_compiled(written))
    row = _row(written)
    return Signature(
        match=_compiled(row["match"]),
        also=_compiled(row["also"]) if "also" in row else None,
        unless=_compiled(row["unless"]) if "unless" in row else None,
        near=_compiled(row["near"]) if "near" in row else None,
        system=str(row.get("system", "")),
        newer=numbers(str(row.get("newer", ""))),
    )


def _retry(row: CauseRow) -> Retry:
    environment = {name: str(value) for name, value in _row(row.get("environment")).items()}
    strip = {name: _compiled(options) for name, options in _row(row.get("strip")).items()}
    return Retry(environment, _texts(row.get("drop")), strip)


def _compiled(pattern: object) -> re.Pattern[str]:
    return re.compile(str(pattern), re.MULTILINE)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(each) for each in _items(value))


def _items(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _row(value: object) -> CauseRow:
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else {}
