"""The lines of a diff as a page shows them: kinds, line numbers, what exactly differs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import groupby, pairwise, takewhile
from typing import TYPE_CHECKING, Literal

from bootstrap.show.text import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LineKind = Literal["same", "new", "removed", "place", "remark"]
Origin = Literal["", "marker", "yours", "before", "theirs"]

_LONGEST = 400  # characters of a line that are shown
_ALIKE = 0.3  # the least that a line and its successor share for the rest to be marked
_TOGETHER = 40  # the most lines that are compared with their successors
_PLACE = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)")
_KINDS: dict[str, LineKind] = {"+": "new", "-": "removed", "\\": "remark"}
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


def read(lines: Iterable[str]) -> tuple[DiffLine, ...]:
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
        kind = _KINDS.get(line[:1], "same")
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
