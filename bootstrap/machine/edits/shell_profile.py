"""A marked block in a shell's profile: lines are added to it and taken out of it, nowhere else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootstrap.files import replace_text
from bootstrap.machine.edits import Action, Reversal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ACTION: Action = "shorten"
_BEGIN = "# >>> headstart >>>"
_END = "# <<< headstart <<<"
_BLOCK = re.compile(rf"{re.escape(_BEGIN)}\n(.*?){re.escape(_END)}\n?", re.DOTALL)


def add(profile: Path, lines: Sequence[str]) -> None:
    """Every line that is not in the block yet; what surrounds it stays byte for byte."""
    text = _read(profile)
    present = _lines(text)
    missing = [line for line in dict.fromkeys(lines) if line not in present]
    replace_text(profile, _with(text, [*present, *missing]))


def reversal(file: Path, change: str) -> Reversal:
    """The change is the lines that were added."""
    added = change.splitlines()
    if not any(line in added for line in _lines(_read(file))):
        return Reversal("keep", str(file), "the lines of this run are no longer in it")
    return Reversal(ACTION, str(file), f"this run added to it: {change}", to=change)


def reverse(file: Path, to: str) -> None:
    """Remove those lines of the block, and the block itself when it is left empty."""
    text, added = _read(file), to.splitlines()
    replace_text(file, _with(text, [line for line in _lines(text) if line not in added]))


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
