"""The lines of a diff as they are shown: kinds, line numbers, what exactly differs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import groupby, islice, takewhile
from typing import TYPE_CHECKING, Literal, NamedTuple

from bootstrap.show.text import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LineKind = Literal["same", "new", "removed", "place", "remark"]
Origin = Literal["", "marker", "yours", "before", "theirs"]

LONGEST = 400  # characters of a line; more is no text for people

_PLACE = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)")
_KINDS: dict[str, LineKind] = {"+": "new", "-": "removed", "\\": "remark"}
_MARKER = re.compile(r"(<{7}|\|{7}|={7}|>{7})(?: .*)?")


class _Side(NamedTuple):
    """What a marker opens, after which sides it is one, and what is shown for it.

    git names commits there that exist for a moment.
    """

    opens: Origin
    after: tuple[Origin, ...]
    shown: str


_SIDES = {
    "<": _Side("yours", ("",), "<<<<<<< yours"),
    "|": _Side("before", ("yours",), "||||||| as rendered"),
    "=": _Side("theirs", ("yours", "before"), "======="),
    ">": _Side("", ("theirs",), ">>>>>>> the template's"),
}
_ALIKE = 0.3  # of a line that must be the same for the rest to be worth marking
_TOGETHER = 40  # lines that are compared with their successors, at most


class Part(NamedTuple):
    """A piece of a line; `differs` where its counterpart has something else there."""

    text: str
    differs: bool = False


@dataclass(frozen=True)
class DiffLine:
    """One line of a diff: its numbers before and after, and the side of a conflict it is from."""

    kind: LineKind
    parts: tuple[Part, ...]
    before: int | None = None
    after: int | None = None
    origin: Origin = ""

    @property
    def text(self) -> str:
        """All of the line."""
        return "".join(part.text for part in self.parts)


class Size(NamedTuple):
    """How many lines are new, are removed, and are in the diff in all."""

    new: int
    removed: int
    total: int


def size(hunks: str) -> Size:
    signs = [line[:1] for line in _split(hunks)]
    return Size(signs.count("+"), signs.count("-"), len(signs))


def read(hunks: str, most: int) -> tuple[DiffLine, ...]:
    """The first lines of a patch, at most that many."""
    return tuple(_compared(islice(_numbered(_split(hunks)), most)))


def read_conflict(hunks: str, most: int) -> tuple[DiffLine, ...]:
    """The same of a file with conflict markers: each line says whose it is."""
    return tuple(islice(_assigned(_numbered(_split(hunks))), most))


def _split(hunks: str) -> list[str]:
    return hunks.removesuffix("\n").split("\n") if hunks else []


def _numbered(lines: Iterable[str]) -> Iterator[DiffLine]:
    before = after = 0
    for line in lines:
        if place := _PLACE.match(line):
            before, after = int(place[1]), int(place[2])
            yield DiffLine("place", _parts(place[3]), before, after)
            continue
        kind = _KINDS.get(line[:1], "same")
        numbers = (
            before if kind in {"same", "removed"} else None,
            after if kind in {"same", "new"} else None,
        )
        yield DiffLine(kind, _parts(line[1:]), *numbers)
        before, after = before + (numbers[0] is not None), after + (numbers[1] is not None)


def _parts(text: str) -> tuple[Part, ...]:
    shown = escape(text[:LONGEST], keep="\t")
    more = f" … {len(text) - LONGEST} more characters" if len(text) > LONGEST else ""
    return (Part(shown + more),)


def _assigned(lines: Iterable[DiffLine]) -> Iterator[DiffLine]:
    origin: Origin = ""
    for line in lines:
        marker = _MARKER.fullmatch(line.text) if line.kind == "new" else None
        side = _SIDES[marker[1][0]] if marker else None
        if side is None or origin not in side.after:
            yield replace(line, origin=origin)
            continue
        origin = side.opens
        yield replace(line, parts=(Part(side.shown),), origin="marker")


def _compared(lines: Iterable[DiffLine]) -> Iterator[DiffLine]:
    """The lines, where some were replaced by as many with what differs in each pair marked."""
    runs = [(kind, list(run)) for kind, run in groupby(lines, key=lambda line: line.kind)]
    for number, (kind, run) in enumerate(runs):
        if number + 1 < len(runs) and _replaced((kind, run), runs[number + 1]):
            pairs = zip(run, runs[number + 1][1], strict=True)
            run[:], runs[number + 1][1][:] = zip(*(_marked(*pair) for pair in pairs), strict=True)
        yield from run


def _replaced(
    one: tuple[LineKind, Sequence[DiffLine]], other: tuple[LineKind, Sequence[DiffLine]]
) -> bool:
    kinds = (one[0], other[0]) == ("removed", "new")
    return kinds and len(one[1]) == len(other[1]) <= _TOGETHER


def _marked(gone: DiffLine, new: DiffLine) -> tuple[DiffLine, DiffLine]:
    head = _common(gone.text, new.text)
    tail = _common(gone.text[head:][::-1], new.text[head:][::-1])
    if head + tail < _ALIKE * max(len(gone.text), len(new.text)):
        return gone, new
    return _cut(gone, head, tail), _cut(new, head, tail)


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _cut(line: DiffLine, head: int, tail: int) -> DiffLine:
    end = len(line.text) - tail
    pieces = Part(line.text[:head]), Part(line.text[head:end], differs=True), Part(line.text[end:])
    return replace(line, parts=tuple(piece for piece in pieces if piece.text))
