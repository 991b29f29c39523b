"""The little Markdown that a changelog is written in, as words: nothing in it is markup."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from bootstrap.reports.visible import visible

_SPAN = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|(?P<plain>(?:(?!`[^`]+`|\*\*[^*]+\*\*).)+)"
)
_ITEM = re.compile(r"^\s*[-*] ", re.MULTILINE)


class Span(NamedTuple):
    """Words that are set alike: `plain`, `code` or `strong`."""

    kind: str
    text: str


class Block(NamedTuple):
    """A paragraph, a heading, or the items of a list."""

    kind: Literal["paragraph", "heading", "list"]
    items: tuple[tuple[Span, ...], ...]


def blocks(text: str) -> tuple[Block, ...]:
    """The blocks of a text, which empty lines divide."""
    return tuple(_block(each) for each in re.split(r"\n\s*\n", text.strip()) if each.strip())


def _block(text: str) -> Block:
    if text.startswith("#"):
        return Block("heading", (_spans(text.lstrip("# ")),))
    before, *items = _ITEM.split(text)
    if not items:
        return Block("paragraph", (_spans(text),))
    return Block("list", tuple(_spans(each) for each in (before, *items) if each.strip()))


def _spans(text: str) -> tuple[Span, ...]:
    line = visible(" ".join(text.split()))
    found = _SPAN.finditer(line)
    return tuple(Span(str(match.lastgroup), match[str(match.lastgroup)]) for match in found)
