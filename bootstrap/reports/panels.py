"""The diffs of each file as panels of a page: which of them, what each is, and how much of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootstrap.project.diffs import ABSENT
from bootstrap.project.outcomes import Outcome
from bootstrap.reports import hunks
from bootstrap.reports.page import Panel
from bootstrap.reports.visible import undecoded, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bootstrap.project.diffs import Diffs, Patch
    from bootstrap.project.outcomes import FileOutcome

# What a person reads, and a browser shows without pausing.
LINES = 400
LINES_IN_ALL = 30_000

_RESULT = "What becomes of it"
_TEMPLATE = "The template's change"
_YOURS = "Your change"
_MISSED = "The template's change, which does not arrive"
_MODES = {
    ("100644", "100755"): "can be executed now",
    ("100755", "100644"): "can be executed no more",
}
_KINDS = {"120000": "a symbolic link", "160000": "a repository in this one"}


class Budget:
    """How many lines a page still has room for."""

    def __init__(self, lines: int = LINES_IN_ALL) -> None:
        self._left = lines

    def take(self, wanted: int) -> int:
        """So many of the wanted lines that both a panel and the page have room for them."""
        taken = min(wanted, LINES, self._left)
        self._left -= taken
        return taken


def of_outcome(each: FileOutcome, diffs: Diffs, budget: Budget, rest: str) -> tuple[Panel, ...]:
    """The panels of one file of an update, what becomes of it first."""
    return tuple(
        panel(title, patch, budget, rest if title == _RESULT else "", conflicted=_torn(each, title))
        for title, patch in _chosen(each, diffs)
    )


def panel(
    title: str, patch: Patch, budget: Budget, rest: str = "", *, conflicted: bool = False
) -> Panel:
    """One diff, as much of it as there is room for."""
    counted = hunks.size(patch.hunks)
    most = budget.take(counted.told)
    read = hunks.read_conflict if conflicted else hunks.read
    return Panel(
        title=title,
        remarks=tuple(_remarks(patch)),
        lines=read(patch.hunks, most),
        new=counted.new,
        gone=counted.gone,
        left_out=counted.told - most,
        rest=rest,
    )


def _torn(each: FileOutcome, title: str) -> bool:
    return each.outcome is Outcome.CONFLICT and title == _RESULT


def _chosen(each: FileOutcome, diffs: Diffs) -> Iterable[tuple[str, Patch]]:
    yours = diffs.yours.of(each.path)
    template = diffs.template.of(each.path, *([yours.old] if yours else ()))
    yours = yours or (diffs.yours.of(template.old, template.new) if template else None)
    result = diffs.result.of(each.path)
    if each.outcome is Outcome.KEPT:
        sides = [(_MISSED, template)]
    elif each.outcome is Outcome.CONFLICT or each.yours or yours:
        sides = [(_RESULT, result), (_TEMPLATE, template), (_YOURS, yours)]
    else:
        sides = [(_RESULT, result)]
    return [(title, patch) for title, patch in sides if patch]


def _remarks(patch: Patch) -> Iterator[str]:
    before, after = patch.modes
    if patch.old != patch.new:
        yield f"moved from {visible(patch.old)}"
    if before != after and ABSENT not in patch.modes:
        yield _MODES.get(patch.modes, f"{_KINDS.get(after, 'a file')} now")
    if before == ABSENT:
        yield "new, and can be executed" if after == "100755" else "new"
    if after == ABSENT:
        yield "deleted"
    if patch.binary:
        yield "binary: it has no lines to show"
    elif not patch.hunks and ABSENT in patch.modes:
        yield "empty"
    if undecoded(patch.hunks):
        yield "not UTF-8: bytes that are none are shown as \\xNN"
