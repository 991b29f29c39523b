"""The diffs of an update: one git process reads all those of a side."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from bootstrap.project.merge import Proposal
from bootstrap.project.trees import RENAMES

ABSENT = "000000"  # the mode of a file that is not there
_AS_TEXT = ("--no-ext-diff", "--no-textconv", "--no-color", "--unified=3")
_HUNK = re.compile(r"^@@ ", re.MULTILINE)
_BEGINNING = re.compile(r"^diff --git ", re.MULTILINE)


class Git(Protocol):
    """Runs git where the trees can be read."""

    def __call__(self, *arguments: str) -> str: ...


@dataclass(frozen=True)
class Patch:
    """The change of one file: names, git's modes, and hunks if it is text."""

    old: str
    new: str
    modes: tuple[str, str]
    hunks: str = ""
    binary: bool = False


@dataclass(frozen=True)
class Side:
    """The patches of one side."""

    patches: tuple[Patch, ...]

    def of(self, *names: str) -> Patch | None:
        """The patch of the first name that has one; new names go before old ones."""
        by_name = {each.old: each for each in self.patches}
        by_name |= {each.new: each for each in self.patches}
        return next((by_name[name] for name in names if name in by_name), None)


@dataclass(frozen=True)
class Diffs:
    """The changes of the template, of the project since base, and of the result."""

    template: Side
    yours: Side
    result: Side


def update_diffs(git: Git, proposal: Proposal) -> Diffs:
    """Read the diffs of an update, without the files that only the project has."""
    return Diffs(
        template=side(git, proposal.before, proposal.after),
        yours=side(git, proposal.before, proposal.head, "--diff-filter=a"),
        result=side(git, proposal.head, proposal.merged),
    )


def side(git: Git, before: str, after: str, *options: str) -> Side:
    """Read the patches between two trees."""
    words = ("diff-tree", "-r", "-p", "--raw", "-z", *RENAMES, *_AS_TEXT, *options)
    listed, _, text = git(*words, before, after).partition("\0\0")
    # Every line of a file's content has a sign before it, so none can look like a beginning.
    sections = _BEGINNING.split(text)[1:]
    return Side(tuple(_patches(listed.split("\0"), iter(sections))))


def _patches(listed: Iterable[str], sections: Iterator[str]) -> Iterator[Patch]:
    """Read raw entries (`:MODE MODE BLOB BLOB STATUS`, one or two names) with their sections."""
    words = iter(listed)
    for about in words:
        if not about:
            continue
        before, after, _, _, status = about.removeprefix(":").split(" ")
        old = next(words)
        new = next(words) if status[0] in "RC" else old
        # What becomes a link, or was one, has two: as it goes, and as it comes.
        own = tuple(islice(sections, 2 if status[0] == "T" else 1))
        binary = any("\nBinary files " in section for section in own)
        yield Patch(old, new, (before, after), "".join(map(_hunks, own)), binary)


def _hunks(section: str) -> str:
    found = _HUNK.search(section)
    return section[found.start() :] if found else ""
