"""Text for people: styles, durations, and characters that would act on a terminal or browser."""

from __future__ import annotations

import re
import unicodedata

_MINUTE = 60
_STYLE = re.compile(r"\033\[\d+m")
# Bidirectional controls make code look like other code (CVE-2021-42574).
_ACTING = {"Cc", "Cf", "Zl", "Zp", "Cs"}
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BYTES = range(0xDC80, 0xDD00)  # how Python decodes a byte that is not UTF-8 (PEP 383)


def bold(text: str) -> str:
    return f"\033[1m{text}\033[0m"


def dim(text: str) -> str:
    return f"\033[2m{text}\033[0m"


def red(text: str) -> str:
    return f"\033[31m{text}\033[0m"


def green(text: str) -> str:
    return f"\033[32m{text}\033[0m"


def unstyled(text: str) -> str:
    return _STYLE.sub("", text)


def count(number: int, what: str) -> str:
    """1 file, 3 files."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def duration(seconds: float) -> str:
    """8.4 s, 42 s, 3 min 10 s: as precise as a person cares for."""
    if seconds < 10:  # noqa: PLR2004
        return f"{max(seconds, 0.1):.1f} s"
    if round(seconds) < _MINUTE:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def escape(text: str, *, keep: str = "") -> str:
    """The text with the code of each character that would act; those in `keep` stay."""
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
