"""The diffs of a file as panels of a page: which of them, how much of each, and what differs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, pairwise, takewhile
from typing import TYPE_CHECKING, Literal

from bootstrap.language import Said
from bootstrap.project.diffs import ABSENT
from bootstrap.project.outcomes import Outcome
from bootstrap.show.text import escape, undecoded

if TYPE_CHECKING:
    from bootstrap.project.diffs import Diffs, Patch
    from bootstrap.project.outcomes import FileOutcome

LINES_IN_ALL = 30_000  # what a browser shows without pausing
# What nobody but the template touched is as its release has it: that much tells what it is. What
# somebody has to read, a conflict, a merge, or their own, is never shortened.
LINES_OF = {Outcome.UPDATED: 70, Outcome.NEW: 25, Outcome.DELETED: 25}

_ALONE = Said("As in the template")
_RESULT = Said("The result")
_TEMPLATE = Said("The template's change")
_YOURS = Said("Your change")
_MISSED = Said("The template's change, which is not applied")
_MODES = {
    ("100644", "100755"): Said("executable now"),
    ("100755", "100644"): Said("no longer executable"),
}
_FILE_KINDS = {"120000": Said("a symbolic link"), "160000": Said("a repository in this one")}

LineKind = Literal["same", "new", "removed", "place", "remark"]
Origin = Literal["", "marker", "yours", "before", "theirs"]
Reader = Callable[[Iterable[str]], "tuple[DiffLine, ...]"]

_LONGEST = 400  # characters of a line that are shown
_ALIKE = 0.3  # the least that a line and its successor share for the rest to be marked
_TOGETHER = 40  # the most lines that are compared with their successors
_PLACE = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)")
_ANY_PLACE = re.compile(r"^@@ .*", re.MULTILINE)
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
    """One diff of a file: runs of lines of one kind, and how to see the `rest` of them."""

    title: str
    remarks: tuple[str, ...]
    runs: tuple[tuple[DiffLine, ...], ...]
    new: int
    removed: int
    left_out: int
    rest: str


class Budget:
    """How many lines a page still has room for."""

    def __init__(self, lines: int = LINES_IN_ALL) -> None:
        self._left = lines

    def reserve(self, wanted: int) -> int:
        """As many of the wanted lines as the page has room for."""
        reserved = min(wanted, self._left)
        self._left -= reserved
        return reserved


def panels_of(each: FileOutcome, diffs: Diffs, budget: Budget, rest: str) -> tuple[Panel, ...]:
    """The panels of one file of an update, its result first; what is the same is told once."""
    read = read_conflict if each.outcome is Outcome.CONFLICT else read_patch
    return tuple(
        panel(
            title,
            patch,
            budget,
            rest if title.startswith((_RESULT, _ALONE)) else "",
            most=LINES_OF.get(each.outcome) if title == _ALONE else None,
            read=read if title.startswith(_RESULT) else read_patch,
        )
        for title, patch in _once(_chosen(each, diffs))
    )


def panel(
    title: str,
    patch: Patch,
    budget: Budget,
    rest: str = "",
    *,
    most: int | None = None,
    read: Reader | None = None,
) -> Panel:
    """One diff: its first `most` lines, or all that there is room for."""
    lines = patch.hunks.removesuffix("\n").split("\n") if patch.hunks else []
    signs = [line[:1] for line in lines]
    room = budget.reserve(min(len(lines), most or len(lines)))
    shown = (read or read_patch)(lines[:room])
    return Panel(
        title=title,
        remarks=tuple(_remarks(patch)),
        runs=tuple(tuple(run) for _, run in groupby(shown, lambda line: (line.kind, line.origin))),
        new=signs.count("+"),
        removed=signs.count("-"),
        left_out=len(lines) - room - signs[room:].count("@"),
        rest=rest,
    )


def _chosen(each: FileOutcome, diffs: Diffs) -> Iterator[tuple[str, Patch]]:
    yours = diffs.yours.of(each.path)
    template = diffs.template.of(each.path, *([yours.old] if yours else ()))
    yours = yours or (diffs.yours.of(template.old, template.new) if template else None)
    result = diffs.result.of(each.path)
    if each.outcome is Outcome.KEPT:
        sides = [(_MISSED, template)]
    elif each.outcome is Outcome.CONFLICT or each.yours or yours:
        sides = [(_RESULT, result), (_TEMPLATE, template), (_YOURS, yours)]
    else:
        sides = [(_ALONE if each.outcome in LINES_OF else _RESULT, result)]
    return ((title, patch) for title, patch in sides if patch)


def _once(sides: Iterable[tuple[str, Patch]]) -> Iterator[tuple[str, Patch]]:
    """Each patch once, with the titles of all that are the same but for their places."""
    told: dict[object, tuple[str, Patch]] = {}
    for title, patch in sides:
        # Of two changes of what is binary, nothing here tells whether they are the same.
        key = title if patch.binary else replace(patch, hunks=_ANY_PLACE.sub("", patch.hunks))
        first, kept = told.get(key, ("", patch))
        told[key] = (
            Said("{first}, the same as {title}", first=first, title=title.lower())
            if first
            else title,
            kept,
        )
    yield from told.values()


def _remarks(patch: Patch) -> Iterator[str]:
    before, after = patch.modes
    if patch.old != patch.new:
        yield Said("moved from {old}", old=patch.old)
    if before != after and ABSENT not in patch.modes:
        yield _MODES.get(patch.modes, f"{_FILE_KINDS.get(after, 'a file')} now")
    if before == ABSENT:
        yield "new, executable" if after == "100755" else "new"
    if after == ABSENT:
        yield "deleted"
    if patch.binary:
        yield Said("binary: no lines to show")
    elif not patch.hunks and ABSENT in patch.modes:
        yield "empty"
    if undecoded(patch.hunks):
        yield Said("not UTF-8: other bytes are shown as \\xNN")


# -- the lines of a diff ---------------------------------------------------------------------------


@dataclass(frozen=True)
class DiffLine:
    """One line, whose side of a conflict it is, and what differs; a `place` tells its number."""

    kind: LineKind
    text: str
    sign: str = ""
    origin: Origin = ""
    differs: tuple[int, int] = (0, 0)

    @property
    def marked(self) -> str:
        return self.text[slice(*self.differs)]


def read_patch(lines: Iterable[str]) -> tuple[DiffLine, ...]:
    """The lines of a patch; where as many replace some, what differs in each pair is marked."""
    runs = [list(run) for _, run in groupby(map(_read, lines), key=lambda line: line.kind)]
    for removed, new in pairwise(runs):
        replaced = (removed[0].kind, new[0].kind) == ("removed", "new")
        if replaced and len(removed) == len(new) <= _TOGETHER:
            removed[:], new[:] = zip(*map(_marked, removed, new), strict=True)
    return tuple(line for run in runs for line in run)


def read_conflict(lines: Iterable[str]) -> tuple[DiffLine, ...]:
    """The same of a file with conflict markers: each line says whose it is."""
    return tuple(_attributed(map(_read, lines)))


def _read(line: str) -> DiffLine:
    if place := _PLACE.match(line):
        before, after = int(place[1]), int(place[2])
        begins = max(before, after) <= 1
        text = "" if begins else f"line {after or before}  {_shown(place[3])}".rstrip()
        return DiffLine("place", text)
    return DiffLine(_LINE_KINDS.get(line[:1], "same"), _shown(line[1:]), line[:1] or " ")


def _shown(text: str) -> str:
    more = (
        Said(" … {number} more characters", number=len(text) - _LONGEST)
        if len(text) > _LONGEST
        else ""
    )
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
