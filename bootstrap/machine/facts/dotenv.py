"""The settings of a project: by the process environment, then `.env`, which its example becomes."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from bootstrap.files import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bootstrap.machine.pins import Pins

_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)")
# As python-dotenv has it, which is what settings are read by; compose knows these two forms too.
_REFERENCE = re.compile(r"\$\{([^}:]*)(?::-([^}]*))?\}")


def setting(pins: Pins, name: str) -> str:
    """As the project resolves it; empty where nothing sets it."""
    if value := os.environ.get(name):
        return value
    if pins.dotenv is None:
        return ""
    is_there = os.path.lexists(pins.dotenv.file)
    return variables(pins.dotenv.file if is_there else pins.dotenv.example).get(name, "")


def variables(path: Path) -> dict[str, str]:
    """The assignments of a dotenv file; none where there is no file."""
    return assignments(text_of(path))


def assignments(text: str) -> dict[str, str]:
    """The assignments in the text of a dotenv file: unquoted, with `${NAME}` replaced."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        if match := _ASSIGNMENT.fullmatch(line):
            values[match[1]] = _replaced(_unquoted(match[2].strip()), values)
    return values


def _replaced(value: str, before: Mapping[str, str]) -> str:
    """What stands before in the file goes before the environment's."""
    known = os.environ | before if "${" in value else before
    return _REFERENCE.sub(lambda match: known.get(match[1], match[2] or ""), value)


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return re.split(r"\s+#", value, maxsplit=1)[0].strip()
