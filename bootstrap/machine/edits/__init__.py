"""Edits of files that are other programs' and people's, each beside its own way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from pathlib import Path

Action = Literal["remove", "restore", "uninstall", "unregister", "shorten", "readdress", "keep"]


@dataclass(frozen=True)
class Reversal:
    """What becomes of one change: `what` is a path or a name, `to` where it goes back to.

    Of an edit, `what` is the file, and `to` what its module needs to take the edit back.
    """

    action: Action
    what: str
    why: str
    to: str = ""


class Edit(Protocol):
    """What a module of this package offers."""

    ACTION: Action

    def reversal(self, file: Path, change: str) -> Reversal:
        """What undoing the change would do now, the change being as the journal has it."""

    def reverse(self, file: Path, to: str) -> None:
        """Do it."""
