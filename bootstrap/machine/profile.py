"""A marked block in a shell's profile: lines are added to it and taken out of it, nowhere else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootstrap.files import replace_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_BEGIN = "# >>> headstart >>>"
_END = "# <<< headstart <<<"
_BLOCK = re.compile(rf"{re.escape(_BEGIN)}\n(.*?){re.escape(_END)}\n?", re.DOTALL)


def add(profile: Path, lines: Sequence[str]) -> None:
    """Every line that is not in the block yet; what surrounds it stays byte for byte."""
    text = _read(profile)
    present = _lines(text)
    missing = [line for line in dict.fromkeys(lines) if line not in present]
    replace_text(profile, _with(text, [*present, *missing]))


def remove(profile: Path, lines: Sequence[str]) -> None:
    """Those lines of the block, and the block itself when it is left empty."""
    text = _read(profile)
    replace_text(profile, _with(text, [line for line in _lines(text) if line not in lines]))


def holds(profile: Path, lines: Sequence[str]) -> bool:
    """Whether the block has one of these lines."""
    return any(line in lines for line in _lines(_read(profile)))


def _lines(text: str) -> list[str]:
    block = _BLOCK.search(text)
    return block[1].splitlines() if block else []


def _with(text: str, lines: Sequence[str]) -> str:
    block = "".join(f"{line}\n" for line in (_BEGIN, *lines, _END)) if lines else ""
    if found := _BLOCK.search(text):
        return text[: found.start()] + block + text[found.end() :]
    gap = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{gap}{block}"


def _read(profile: Path) -> str:
    try:
        return profile.read_bytes().decode("utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return ""
