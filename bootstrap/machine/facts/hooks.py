"""Are the git hooks of pre-commit installed, where the project configures them?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine.pins import Pins

CONFIG = ".pre-commit-config.yaml"
_SIGN = "pre-commit"


@dataclass(frozen=True)
class HooksFact:
    missing: bool = False


NO_HOOKS = HooksFact()


def look(pins: Pins) -> HooksFact:
    """Only in a checkout of its own: a worktree and a submodule keep their hooks elsewhere."""
    folder = pins.root / ".git" / "hooks"
    configured = (pins.root / CONFIG).is_file() and folder.parent.is_dir()
    return HooksFact(missing=configured and not _installed(folder / "pre-commit"))


def _installed(hook: Path) -> bool:
    try:
        return _SIGN in hook.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
