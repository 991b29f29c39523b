"""The project's `.env`: is it there, and which variables of the example does it lack?"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine.pins import Pins

_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)")


@dataclass(frozen=True)
class EnvironmentFact:
    """`missing` is for information: a variable may well have a default."""

    exists: bool
    missing: tuple[str, ...] = ()


def look(pins: Pins) -> EnvironmentFact:
    if pins.environment is None or not os.path.lexists(pins.environment.file):
        return EnvironmentFact(exists=False)
    present = variables(pins.environment.file)
    example = variables(pins.environment.example)
    return EnvironmentFact(True, tuple(name for name in example if name not in present))


def variables(path: Path) -> dict[str, str]:
    """The assignments of a dotenv file, unquoted; none where there is no file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    matches = (_ASSIGNMENT.fullmatch(line) for line in text.splitlines())
    return {match[1]: _unquoted(match[2].strip()) for match in matches if match}


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return re.split(r"\s+#", value, maxsplit=1)[0].strip()
