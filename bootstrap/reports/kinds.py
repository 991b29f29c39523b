"""What can become of a file, in the order in which a person has to know it."""

from __future__ import annotations

from typing import NamedTuple

from bootstrap.project.outcomes import Outcome


class Kind(NamedTuple):
    """An outcome, its sign, how many files of it are called, and what it means."""

    outcome: Outcome
    sign: str
    title: str
    meaning: str

    def counted(self, count: int) -> str:
        """So many files of this kind, in words."""
        plural = "s" if self.outcome is Outcome.CONFLICT and count != 1 else ""
        return f"{count} {self.title}{plural}"


KINDS = (
    Kind(Outcome.CONFLICT, "✗", "conflict", "both changed it: you settle it"),
    Kind(Outcome.MERGED, "±", "merged", "the template's change and yours, together"),
    Kind(Outcome.MOVED, "→", "moved", "at another place; what you changed goes along"),
    Kind(Outcome.DELETED, "\N{MINUS SIGN}", "deleted", "the template has it no more"),
    Kind(Outcome.KEPT, "=", "kept", "as you have it; the template's change does not arrive"),
    Kind(Outcome.UPDATED, "↑", "updated", "as the template has it now; you had not changed it"),
    Kind(Outcome.NEW, "+", "new", "the template brings it"),
)
