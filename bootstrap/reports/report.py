"""The result of a command on a project's template: for programs a document, for people lines.

What people get has two forms. On a terminal it is laid out; where it is piped, it is lines that
stay as they are, each of which says all by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap.reports.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True)
class Pair:
    """A name, and what there is to say about it."""

    name: str
    text: str

    @property
    def plain(self) -> Iterator[str]:
        """As it is piped."""
        yield f"  {visible(self.name)}: {visible(self.text)}"


@dataclass(frozen=True)
class Row:
    """One file: its path, what is said of it, and what to do about it."""

    path: str
    said: tuple[str, ...] = ()
    advice: str = ""


@dataclass(frozen=True)
class Group:
    """Files of one kind, and what that means."""

    kind: str
    sign: str
    title: str
    meaning: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Files:
    """Files in groups, what matters most last; `lines` are the same files for a pipe, by path."""

    groups: tuple[Group, ...]
    lines: tuple[str, ...]

    @property
    def plain(self) -> Iterator[str]:
        """As it is piped."""
        yield from map(visible, self.lines)


@dataclass(frozen=True)
class Totals:
    """How many files there are of each kind."""

    counts: Mapping[str, int]

    @property
    def plain(self) -> Iterator[str]:
        """As it is piped."""
        yield ", ".join(f"{count} {kind}" for kind, count in self.counts.items())


@dataclass(frozen=True)
class Again:
    """Lines for a pipe alone: a terminal has shown it all in its files."""

    lines: tuple[str, ...]

    @property
    def plain(self) -> Iterator[str]:
        """As it is piped."""
        yield from map(visible, self.lines)


@dataclass(frozen=True)
class Diff:
    """A diff as git tells it: piped it is exactly that, and can be applied."""

    text: str

    @property
    def plain(self) -> Iterator[str]:
        """As it is piped."""
        yield self.text


Item = str | Pair | Files | Totals | Again | Diff


@dataclass(frozen=True)
class Report:
    """One command's result."""

    document: Mapping[str, object]
    lines: Sequence[Item]

    @property
    def plain(self) -> Iterator[str]:
        """All of it as it is piped."""
        for item in self.lines:
            if isinstance(item, str):
                yield item
            else:
                yield from item.plain
