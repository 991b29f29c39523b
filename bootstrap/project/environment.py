"""Which settings a template knows: the names in `.env.example`, those behind a # as well."""

import re
from pathlib import Path
from typing import NamedTuple

EXAMPLE = ".env.example"
_NAME = re.compile(r"^(?:# ?)?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


class Settings(NamedTuple):
    """What an update brings to a person's own `.env`, which it does not touch."""

    new: tuple[str, ...]
    gone: tuple[str, ...]


def changed(base: Path, theirs: Path) -> Settings:
    """The settings that come and go between two renders."""
    before, after = _names(base), _names(theirs)
    return Settings(
        new=tuple(name for name in after if name not in before),
        gone=tuple(name for name in before if name not in after),
    )


def examples(text: str) -> dict[str, str]:
    """Each setting in the text of an example, and its value there."""
    return {match[1]: match[2].strip() for match in _NAME.finditer(text)}


def _names(render: Path) -> tuple[str, ...]:
    path = render / EXAMPLE
    return tuple(examples(path.read_text(encoding="utf-8") if path.is_file() else ""))
