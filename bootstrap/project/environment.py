"""Which settings a template knows: the names in `.env.example`, those behind a # as well."""

import re
from typing import NamedTuple

EXAMPLE = ".env.example"
_NAME = re.compile(r"^(?:# ?)?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


class Settings(NamedTuple):
    """What an update brings to a person's own `.env`, which it does not touch."""

    new: tuple[str, ...]
    gone: tuple[str, ...]


def changed(base: str, theirs: str) -> Settings:
    """The settings that come and go between two examples."""
    before, after = _names(base), _names(theirs)
    return Settings(
        new=tuple(name for name in after if name not in before),
        gone=tuple(name for name in before if name not in after),
    )


def examples(text: str) -> dict[str, str]:
    """Each setting in the text of an example, and its value there."""
    return {match[1]: match[2].strip() for match in _NAME.finditer(text)}


def _names(example: str) -> tuple[str, ...]:
    return tuple(examples(example))
