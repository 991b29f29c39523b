"""The names that git gives to a file where a folder must be, and the reverse.

It appends the side that the file is from: to `merge-tree` that is a commit's id, to the cherry-pick
that does the same `HEAD`, or the commit with its subject.
"""

import re

from bootstrap.project.trees import ScratchRepository


def written_name(scratch: ScratchRepository, path: str, *, ours: str, theirs: str) -> str:
    """The name that the cherry-pick gives to what is at `path` after `merge-tree`."""
    found = re.fullmatch(rf"(.+)~({ours}|{theirs})((?:_\d+)?)", path, re.DOTALL)
    if found is None:
        return path
    name, side, number = found.groups()
    return f"{name}~{'HEAD' if side == ours else _picked(scratch, theirs)}{number}"


def _picked(scratch: ScratchRepository, commit: str) -> str:
    """As a cherry-pick calls its commit, with nothing in it that would be a folder."""
    return scratch.git("log", "-1", "--no-show-signature", "--format=%h (%s)", commit).replace(
        "/", "_"
    )
