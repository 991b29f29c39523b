"""A report as one page for a browser: what is on it, apart from how it looks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from bootstrap.reports.hunks import Line
    from bootstrap.reports.prose import Block

Tone = Literal["calm", "done", "alarm"]


class Told(NamedTuple):
    """A sentence, and a command to run where there is one."""

    text: str
    command: str = ""


class Release(NamedTuple):
    """What one version brings."""

    version: str
    headline: str
    blocks: tuple[Block, ...]


class Fact(NamedTuple):
    """What comes, goes, or is to be done besides the files: a name with its value, or words."""

    what: str
    name: str = ""
    value: str = ""
    text: str = ""


@dataclass(frozen=True)
class Panel:
    """One diff of a file: what it is, remarks, its first lines, and what was left out of them."""

    title: str
    remarks: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    new: int = 0
    gone: int = 0
    left_out: int = 0
    rest: str = ""


@dataclass(frozen=True)
class File:
    """One file: where it is, what is said of it, and its diffs."""

    folder: str
    name: str
    cells: tuple[str, ...]
    reason: str = ""
    advice: str = ""
    panels: tuple[Panel, ...] = ()

    @property
    def path(self) -> str:
        """All of its path."""
        return self.folder + self.name

    @property
    def new(self) -> int:
        """Lines that come, as the first diff says it."""
        return self.panels[0].new if self.panels else 0

    @property
    def gone(self) -> int:
        """Lines that go."""
        return self.panels[0].gone if self.panels else 0


@dataclass(frozen=True)
class Group:
    """The files of one kind; `key` is what its colour goes by."""

    key: str
    sign: str
    title: str
    meaning: str
    columns: tuple[str, ...]
    files: tuple[File, ...]


@dataclass(frozen=True)
class Page:
    """Everything on the page, in its order."""

    project: str
    title: str
    standing: str
    tone: Tone
    warning: str = ""
    next: tuple[Told, ...] = ()
    releases: tuple[Release, ...] = ()
    facts: tuple[Fact, ...] = ()
    groups: tuple[Group, ...] = field(default=())
