"""The diffs of a file as panels of a page: which of them, and how much of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap.project.diffs import ABSENT
from bootstrap.project.outcomes import Outcome
from bootstrap.show import diff_lines
from bootstrap.show.text import undecoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bootstrap.project.diffs import Diffs, Patch
    from bootstrap.project.outcomes import FileOutcome
    from bootstrap.show.diff_lines import DiffLine

# What a person reads, and a browser shows without pausing.
LINES = 400
LINES_IN_ALL = 30_000

_RESULT = "The result"
_TEMPLATE = "The template's change"
_YOURS = "Your change"
_MISSED = "The template's change, which is not applied"
_MODES = {
    ("100644", "100755"): "executable now",
    ("100755", "100644"): "no longer executable",
}
_KINDS = {"120000": "a symbolic link", "160000": "a repository in this one"}


@dataclass(frozen=True)
class Panel:
    """One diff of a file: its first lines, and how to see the `rest` of them."""

    title: str
    remarks: tuple[str, ...]
    lines: tuple[DiffLine, ...]
    new: int
    removed: int
    left_out: int
    rest: str


class Budget:
    """How many lines a page still has room for."""

    def __init__(self, lines: int = LINES_IN_ALL) -> None:
        self._left = lines

    def reserve(self, wanted: int) -> int:
        """As many of the wanted lines as both a panel and the page have room for."""
        reserved = min(wanted, LINES, self._left)
        self._left -= reserved
        return reserved


def panels_of(each: FileOutcome, diffs: Diffs, budget: Budget, rest: str) -> tuple[Panel, ...]:
    """The panels of one file of an update, its result first."""
    conflict = each.outcome is Outcome.CONFLICT
    return tuple(
        panel(title, patch, budget, rest, conflicted=conflict)
        if title == _RESULT
        else panel(title, patch, budget)
        for title, patch in _chosen(each, diffs)
    )


def panel(
    title: str, patch: Patch, budget: Budget, rest: str = "", *, conflicted: bool = False
) -> Panel:
    """One diff, as much of it as there is room for."""
    lines = patch.hunks.removesuffix("\n").split("\n") if patch.hunks else []
    signs = [line[:1] for line in lines]
    most = budget.reserve(len(lines))
    read = diff_lines.read_conflict if conflicted else diff_lines.read
    return Panel(
        title=title,
        remarks=tuple(_remarks(patch)),
        lines=read(lines[:most]),
        new=signs.count("+"),
        removed=signs.count("-"),
        left_out=len(lines) - most,
        rest=rest,
    )


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
        yield f"moved from {patch.old}"
    if before != after and ABSENT not in patch.modes:
        yield _MODES.get(patch.modes, f"{_KINDS.get(after, 'a file')} now")
    if before == ABSENT:
        yield "new, executable" if after == "100755" else "new"
    if after == ABSENT:
        yield "deleted"
    if patch.binary:
        yield "binary: no lines to show"
    elif not patch.hunks and ABSENT in patch.modes:
        yield "empty"
    if undecoded(patch.hunks):
        yield "not UTF-8: other bytes are shown as \\xNN"
