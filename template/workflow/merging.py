"""Merges that can be interrupted, and conflicts about which version is the newest."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from workflow import changelog, versions
from workflow.errors import Refused
from workflow.releasing import PYPROJECT
from workflow.repository import Repository, failed
from workflow.versions import Version


def merge(repository: Repository, name: str, into: str) -> None:
    """Merge with a commit of its own, unless that is done; go on with what was interrupted."""
    if repository.includes(into, name):
        return
    if not is_merging(repository, name, into):
        repository.switch(into)
        done = repository.call("merge", "--quiet", "--no-ff", "--no-edit", name)
        if done.returncode == 0:
            return
        if not is_merging(repository, name, into):
            raise failed(done)
    _conclude(repository, name, into)


def is_merging(repository: Repository, name: str, into: str) -> bool:
    """Whether the merge that is in progress is this one."""
    if repository.branch() != into or not repository.has("MERGE_HEAD") or not repository.has(name):
        return False
    return repository.commit_of("MERGE_HEAD") == repository.commit_of(name)


def _conclude(repository: Repository, name: str, into: str) -> None:
    for file in repository.unmerged():
        _settle(repository, file)
    if left := repository.unmerged():
        raise Refused(
            f"{name} and {into} have changed the same lines: {', '.join(left)}",
            "Edit them until they are right, git add them, and run the same command again.",
            "Or take this merge back: git merge --abort",
        )
    _require_edited(repository)
    repository.git("commit", "--quiet", "--no-edit")


def _require_edited(repository: Repository) -> None:
    """Nothing that git has put between two versions of a line is committed."""
    done = repository.call("diff", "--cached", "--check", "HEAD")
    marked = [
        line for line in done.stdout.splitlines() if line.endswith("leftover conflict marker")
    ]
    if marked:
        raise Refused(
            "Both versions of some lines are still there, with git's marks between them:",
            *sorted({line.partition(":")[0] for line in marked}),
            "Edit them until they are right, git add them, and run the same command again.",
        )


def _settle(repository: Repository, file: str) -> None:
    """Write what both sides mean, where that is sure: the higher version, the sections of both."""
    sides = [repository.text(file, f":{stage}") for stage in (1, 2, 3)]
    if file == PYPROJECT:
        text = _of_one_version(repository, sides, versions.in_pyproject, versions.raised)
    elif file == versions.LOCK:
        text = _of_one_version(repository, sides, versions.in_lock, versions.raised_in_lock)
    else:
        text = changelog.merged(*sides[1:]) if file == changelog.FILE else None
    if text is not None:
        (repository.root / file).write_text(text, "utf-8")
        repository.git("add", "--", file)


def _of_one_version(
    repository: Repository,
    sides: Sequence[str],
    read: Callable[[str], str],
    raised: Callable[[str, Version], str],
) -> str | None:
    """What merges once all three have the higher version."""
    base, ours, theirs = sides
    named = [versions.found(read(text)) for text in (ours, theirs)]
    known = [version for version in named if version]
    if not base or None in named:
        return None
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("ours", "base", "theirs")]
        for path, text in zip(paths, (ours, base, theirs), strict=True):
            path.write_text(raised(text, max(known)), "utf-8")
        done = repository.call("merge-file", "--stdout", *map(str, paths))
    return done.stdout if done.returncode == 0 else None
