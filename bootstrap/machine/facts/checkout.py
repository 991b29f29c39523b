"""What a fresh checkout lacks: the project's `.env`, and the git hooks of pre-commit."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap.files import text_of

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine.pins import Pins

HOOKS_CONFIG = ".pre-commit-config.yaml"
_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)")


@dataclass(frozen=True)
class DotenvFact:
    """`missing` are variables of the example: for information, each may have a default."""

    exists: bool
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class HooksFact:
    """Whether git does not run the hooks that the project configures."""

    missing: bool = False


def look(pins: Pins) -> DotenvFact:
    if pins.dotenv is None or not os.path.lexists(pins.dotenv.file):
        return DotenvFact(exists=False)
    present = variables(pins.dotenv.file)
    example = variables(pins.dotenv.example)
    return DotenvFact(True, tuple(name for name in example if name not in present))


def look_at_hooks(pins: Pins) -> HooksFact:
    """Only in a checkout of its own: a worktree and a submodule keep their hooks elsewhere."""
    folder = pins.root / ".git" / "hooks"
    configured = (pins.root / HOOKS_CONFIG).is_file() and folder.parent.is_dir()
    return HooksFact(configured and "pre-commit" not in text_of(folder / "pre-commit"))


def variables(path: Path) -> dict[str, str]:
    """The assignments of a dotenv file, unquoted; none where there is no file."""
    matches = (_ASSIGNMENT.fullmatch(line) for line in text_of(path).splitlines())
    return {match[1]: _unquoted(match[2].strip()) for match in matches if match}


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return re.split(r"\s+#", value, maxsplit=1)[0].strip()
