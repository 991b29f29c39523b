"""The kinds of outcomes and of drift, in the order in which a person has to know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bootstrap.project.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootstrap.project.drift import Drifted


class Kind(NamedTuple):
    """An outcome, its sign, how many files of it are called, and what it means."""

    outcome: Outcome
    sign: str
    title: str
    meaning: str

    def titled(self, count: int) -> str:
        """What so many files of it are called."""
        plural = "s" if self.outcome is Outcome.CONFLICT and count != 1 else ""
        return f"{self.title}{plural}"


KINDS = (
    Kind(Outcome.CONFLICT, "✗", "conflict", "both changed it: you settle it"),
    Kind(Outcome.MERGED, "±", "merged", "the template's change and yours, together"),
    Kind(Outcome.MOVED, "→", "moved", "at another place; what you changed goes along"),
    Kind(Outcome.DELETED, "\N{MINUS SIGN}", "deleted", "the template has it no more"),
    Kind(Outcome.KEPT, "=", "kept", "as you have it; the template's change does not arrive"),
    Kind(Outcome.UPDATED, "↑", "updated", "as the template has it now; you had not changed it"),
    Kind(Outcome.NEW, "+", "new", "the template brings it"),
)


class DriftKind(NamedTuple):
    """A way to differ, its sign, and what it means; what is accepted is a kind of its own."""

    key: str
    sign: str
    meaning: str

    def holds(self, each: Drifted) -> bool:
        """Whether a file is of this kind."""
        return self.key == ("accepted" if each.accepted else each.how)


DRIFT = (
    DriftKind("edited", "±", "no longer as it was rendered"),
    DriftKind("moved", "→", "at another place"),
    DriftKind("deleted", "\N{MINUS SIGN}", "not there any more"),
    DriftKind("accepted", "✓", "meant to differ, as .headstart/drift.yml says"),
)


def since(each: Drifted) -> str:
    """The commit that has last touched a file which differs."""
    if not each.commit:
        return "not committed"
    return f"{each.commit} {each.date} {each.author}: {each.subject}"


def reasons(each: Drifted) -> Iterator[str]:
    """What else there is to know of it."""
    if each.note:
        yield each.note
    if each.template_changes_it:
        yield "the newest template changes it too"
    if each.accepted:
        yield f"accepted: {each.accepted}"
