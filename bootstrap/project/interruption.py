"""Whether the files of an interrupted update hold anything that is not the update's own."""

import os
import re
from collections.abc import Iterator

from bootstrap.project import git, snapshot
from bootstrap.project.repository import Repository
from bootstrap.project.update_state import UpdateState

# Who is at which side of a conflict is said by labels, and git's differ from ours.
_LABELS = re.compile(rb"^(<{7,}|\|{7,}|>{7,}) .*$", re.MULTILINE)


def is_own_work(repository: Repository, state: UpdateState) -> bool:
    """Whether each file is as it was, as the update writes it, or half written by it.

    If so, nobody has worked on them since, and undoing it loses nothing.
    """
    before = snapshot.load(repository)
    if before is None or not state.merged:
        return False
    if repository.differing("--cached", state.head) - frozenset(state.touched):
        return False
    return all(_is_own(repository, state, path) for path in before.changed())


def _is_own(repository: Repository, state: UpdateState, path: str) -> bool:
    it = repository.top / path
    if not snapshot.is_there(repository.top, path):
        return True  # git removes a file before it writes it
    now = os.fsencode(snapshot.link_target(it)) if it.is_symlink() else it.read_bytes()
    how = "blob" if it.is_symlink() else "--filters"
    return any(
        _LABELS.sub(b"", whole).startswith(_LABELS.sub(b"", now))
        for whole in _written(repository, state, path, how)
    )


def _written(repository: Repository, state: UpdateState, path: str, how: str) -> Iterator[bytes]:
    """What the update writes to a path, or to one that it names after its side of a conflict."""
    name, mark, _ = path.rpartition("~")
    listed = repository.git("ls-tree", "-r", "-z", "--name-only", state.merged)
    for each in git.split_paths(listed):
        if each == path or (mark and each.startswith(name + mark)):
            words = (*git.CONFIGURED, "cat-file", how, f"{state.merged}:{each}")
            written = git.call(*words, cwd=repository.top)
            if written.code == 0:
                yield written.out.encode("utf-8", "surrogateescape")
