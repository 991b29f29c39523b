"""Which part of a file a request asks for (RFC 9110, section 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus

from app.core.errors import ProblemError

# One range; several of them may be answered by the whole (section 14.2).
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.IGNORECASE)


class Unsatisfiable(ProblemError):
    """The file has no such part."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE

    def __init__(self, size: int) -> None:
        super().__init__(f"the file has {size} bytes, and none of them is asked for")
        self.headers = {"Content-Range": f"bytes */{size}"}


@dataclass(frozen=True)
class Part:
    """So many bytes of a file, from `first` on."""

    first: int
    size: int

    def content_range(self, of: int) -> str:
        return f"bytes {self.first}-{self.first + self.size - 1}/{of}"


def part_of(size: int, asked: str | None, if_range: str | None, tag: str) -> Part | None:
    """Return the part that is asked for; None means the whole. Raises Unsatisfiable.

    Whoever goes on with what he has of another file, or knows it by a date alone, gets the whole.
    """
    found = _RANGE.fullmatch((asked or "").strip())
    if found is None or found.groups() == ("", "") or if_range not in (None, tag):
        return None
    first, last = found.groups()
    if not first:
        begin, end = max(size - int(last), 0), size - 1
    else:
        begin, end = int(first), min(int(last or size - 1), size - 1)
        if last and int(last) < begin:
            return None
    if begin > end:
        raise Unsatisfiable(size)
    return Part(begin, end - begin + 1)
