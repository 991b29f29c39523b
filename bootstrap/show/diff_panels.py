"""The diffs of a file as panels of a page: which of them, how much of each, and what differs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import groupby, pairwise, takewhile
from typing import TYPE_CHECKING, Literal

from bootstrap.project.diffs import ABSENT
from bootstrap.project.outcomes import Outcome
from bootstrap.show.text import escape, undecoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bootstrap.project.diffs import Diffs, Patch
    from bootstrap.project.outcomes import FileOutcome

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
_FILE_KINDS = {"120000": "a symbolic link", "160000": "a repository in this one"}

LineKind = Literal["same", "new", "removed", "place", "remark"]
Origin = Literal["", "marker", "yours", "before", "theirs"]

_LONGEST = 400  # characters of a line that are shown
_ALIKE = 0.3  # the least that a line and its successor share for the rest to be marked
_TOGETHER = 40  # the most lines that are compared with their successors
_PLACE = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)")
_LINE_KINDS: dict[str, LineKind] = {"+": "new", "-": "removed", "\\": "remark"}
_MARKER = re.compile(r"(<{7}|\|{7}|={7}|>{7})(?: .*)?")
# What a marker opens, what must be open before it, and what is shown for it: git names commits
# there that exist for a moment.
_SIDES: dict[str, tuple[Origin, tuple[Origin, ...], str]] = {
    "<": ("yours", ("",), "<<<<<<< yours"),
    "|": ("before", ("yours",), "||||||| as rendered"),
    "=": ("theirs", ("yours", "before"), "======="),
    ">": ("", ("theirs",), ">>>>>>> the template's"),
}


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
    read = read_conflict if conflicted else read_patch
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
        yield _MODES.get(patch.modes, f"{_FILE_KINDS.get(after, 'a file')} now")
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


# -- the lines of a diff ---------------------------------------------------------------------------


@dataclass(frozen=True)
class DiffLine:
    """One line, its numbers before and after, whose side of a conflict it is, and what differs."""

    kind: LineKind
    text: str
    before: int | None = None
    after: int | None = None
    origin: Origin = ""
    differs: tuple[int, int] = (0, 0)

    @property
    def marked(self) -> str:
        return self.text[slice(*self.differs)]


def read_patch(lines: Iterable[str]) -> tuple[DiffLine, ...]:
    """The lines of a patch; where as many replace some, what differs in each pair is marked."""
    runs = [list(run) for _, run in groupby(_numbered(lines), key=lambda line: line.kind)]
    for removed, new in pairwise(runs):
        replaced = (removed[0].kind, new[0].kind) == ("removed", "new")
        if replaced and len(removed) == len(new) <= _TOGETHER:
            removed[:], new[:] = zip(*map(_marked, removed, new), strict=True)
    return tuple(line for run in runs for line in run)


def read_conflict(lines: Iterable[str]) -> tuple[DiffLine, ...]:
    """The same of a file with conflict markers: each line says whose it is."""
    return tuple(_attributed(_numbered(lines)))


def _numbered(lines: Iterable[str]) -> Iterator[DiffLine]:
    before = after = 0
    for line in lines:
        if place := _PLACE.match(line):
            before, after = int(place[1]), int(place[2])
            yield DiffLine("place", _shown(place[3]), before, after)
            continue
        kind = _LINE_KINDS.get(line[:1], "same")
        was, is_now = kind in {"same", "removed"}, kind in {"same", "new"}
        numbers = before if was else None, after if is_now else None
        yield DiffLine(kind, _shown(line[1:]), *numbers)
        before, after = before + was, after + is_now


def _shown(text: str) -> str:
    more = f" … {len(text) - _LONGEST} more characters" if len(text) > _LONGEST else ""
    return escape(text[:_LONGEST], keep="\t") + more


def _attributed(lines: Iterable[DiffLine]) -> Iterator[DiffLine]:
    origin: Origin = ""
    for line in lines:
        marker = _MARKER.fullmatch(line.text) if line.kind == "new" else None
        opens, after, shown = _SIDES[marker[1][0]] if marker else ("", (), "")
        if origin in after:
            origin = opens
            yield replace(line, text=shown, origin="marker")
        else:
            yield replace(line, origin=origin)


def _marked(removed: DiffLine, new: DiffLine) -> tuple[DiffLine, DiffLine]:
    head = _common(removed.text, new.text)
    tail = _common(removed.text[head:][::-1], new.text[head:][::-1])
    if head + tail < _ALIKE * max(len(removed.text), len(new.text)):
        return removed, new
    one, other = ((head, len(line.text) - tail) for line in (removed, new))
    return replace(removed, differs=one), replace(new, differs=other)


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
