"""Text for people: styles, durations, and characters that would act on a terminal or browser."""

from __future__ import annotations

import re
import unicodedata
from functools import partial

from bootstrap.language import Said, shown

_MINUTE = 60
_STYLE = re.compile(r"\033\[\d+m")
# Bidirectional controls make code look like other code (CVE-2021-42574).
_ACTING = {"Cc", "Cf", "Zl", "Zp", "Cs"}
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_COUNTED = {
    "file": (Said("{number} file"), Said("{number} files")),
    "line": (Said("{number} line"), Said("{number} lines")),
    "project": (Said("{number} project"), Said("{number} projects")),
    "commit": (Said("{number} commit"), Said("{number} commits")),
    "conflict": (Said("{number} conflict"), Said("{number} conflicts")),
}
_BYTES = range(0xDC80, 0xDD00)  # how Python decodes a byte that is not UTF-8 (PEP 383)


def _styled(code: int, text: str) -> str:
    return f"\033[{code}m{shown(text)}\033[0m"


bold, dim, red, green = (partial(_styled, code) for code in (1, 2, 31, 32))


def unstyled(text: str) -> str:
    return _STYLE.sub("", text)


def count(number: int, what: str) -> Said:
    """1 file, 3 files; `what` is a key of `_COUNTED`."""
    one, more = _COUNTED[what]
    return Said(str(one if number == 1 else more), number=number)


def duration(seconds: float) -> Said:
    """8.4 s, 42 s, 3 min 10 s: as precise as a person cares for."""
    if seconds < 10:  # noqa: PLR2004
        return Said("{seconds} s", seconds=format(max(seconds, 0.1), ".1f"))
    if round(seconds) < _MINUTE:
        return Said("{seconds} s", seconds=round(seconds))
    minutes, rest = divmod(round(seconds), _MINUTE)
    if rest:
        return Said("{minutes} min {seconds} s", minutes=minutes, seconds=rest)
    return Said("{minutes} min", minutes=minutes)


def escape(text: str, *, keep: str = "") -> str:
    """The text with the code of each character that would act; those in `keep` stay."""
    text = shown(text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if each in keep else _escaped(each) for each in text)


def undecoded(text: str) -> bool:
    """Whether it has a byte that is not UTF-8."""
    return any(ord(each) in _BYTES for each in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _ACTING:
        return character
    if character in _SHORT:
        return _SHORT[character]
    number = ord(character)
    if number in _BYTES:
        return f"\\x{number - 0xDC00:02x}"
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"  # noqa: PLR2004 - one byte
