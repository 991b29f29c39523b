"""The state on disk of the update that is underway, and of the one to be verified.

It is written before anything is changed, so that after any interruption it is known what the
project was, and every file that may have been touched.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path

from bootstrap.errors import Refused
from bootstrap.files import text_of, write_atomically
from bootstrap.language import Said
from bootstrap.project import git, snapshot
from bootstrap.project.repository import Repository

UPDATE_REF = "refs/headstart/update"  # keeps the update's commits from git's clean-up
PATIENCE = 2.0  # seconds that a git which outlived its headstart may take to end
_UNDERWAY = "update.json"
_UNVERIFIED = "unverified.json"
_LOCKED = ("index", "HEAD", "ORIG_HEAD", "CHERRY_PICK_HEAD", "AUTO_MERGE", "MERGE_MSG")


class Stage(StrEnum):
    """How far an update has come."""

    BEGUN = "begun"  # interrupted before git had made its commit or shown its conflicts
    CONFLICTED = "conflicted"
    DONE = "done"


@dataclass(frozen=True)
class UpdateState:
    """An update that began: from where, to what, and the files it may have touched.

    `theirs` is the commit that is picked where there are conflicts, `merged` the tree that is
    written. `undoing` is of a rollback, from the update at `head`. `conflicts` are the paths that
    git left in conflict, with the blobs of their sides.
    """

    before: str
    after: str
    head: str
    theirs: str
    backup: str
    touched: tuple[str, ...]
    merged: str = ""
    signed: bool = True
    undoing: bool = False
    conflicts: Mapping[str, Sequence[str]] = field(default_factory=dict)


def underway(repository: Repository) -> UpdateState | None:
    """The update that began last, unless it is known to be finished."""
    return _load(repository.notes / _UNDERWAY)


def require_underway(repository: Repository) -> UpdateState:
    """The update that is underway; refuse if there is none."""
    state = underway(repository)
    if state is None:
        raise Refused(
            Said("No update is underway here."), next=(Said("begin one: headstart update"),)
        )
    return state


def stage(repository: Repository, state: UpdateState) -> Stage:
    """Ask git how far an update has come."""
    if state.theirs and text_of(repository.git_dir / "CHERRY_PICK_HEAD").strip() == state.theirs:
        return Stage.CONFLICTED
    return Stage.BEGUN if repository.head() == state.head else Stage.DONE


def save(repository: Repository, state: UpdateState) -> None:
    """Note that an update is underway."""
    _save(repository.notes / _UNDERWAY, state)


def clear(repository: Repository) -> None:
    """Note that no update is underway, and what was before it is no longer needed."""
    state = underway(repository)
    snapshot.discard(repository)
    (repository.notes / _UNDERWAY).unlink(missing_ok=True)
    if state and state.theirs:
        git.query("update-ref", "-d", UPDATE_REF, cwd=repository.top)


def save_unverified(repository: Repository, state: UpdateState) -> None:
    """Note, before an update begins, that it will have to be verified."""
    _save(repository.notes / _UNVERIFIED, state)


def pending_verification(repository: Repository) -> UpdateState | None:
    """The update that is done here, but was not verified to the end."""
    state = _load(repository.notes / _UNVERIFIED)
    head = repository.head()
    if state is None or head == state.head:
        return None
    return state if _is_ancestor(repository, state.head, head) else None


@cache
def _is_ancestor(repository: Repository, commit: str, of: str) -> bool:
    words = ("merge-base", "--is-ancestor", commit, of)
    return git.call(*words, cwd=repository.top).code == 0


def clear_unverified(repository: Repository) -> None:
    """Note that the update was verified, or undone."""
    (repository.notes / _UNVERIFIED).unlink(missing_ok=True)


def clear_locks(repository: Repository) -> None:
    """Remove the locks of a git that was killed during an update."""
    branch = git.query("symbolic-ref", "--quiet", "HEAD", cwd=repository.top)
    state = underway(repository)
    backup = state.backup if state else ""
    remove_locks(repository, *filter(None, (*_LOCKED, UPDATE_REF, branch, backup)))


def remove_locks(repository: Repository, *locked: str) -> None:
    """Remove git's locks on files and refs; give a running git time to end."""
    names = [word for name in locked for word in ("--git-path", f"{name}.lock")]
    found = git.run("rev-parse", "--path-format=absolute", *names, cwd=repository.top)
    end = time.monotonic() + PATIENCE
    for lock in map(Path, found.splitlines()):
        while lock.exists() and time.monotonic() < end:
            time.sleep(0.05)
        lock.unlink(missing_ok=True)


def _load(path: Path) -> UpdateState | None:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return UpdateState(**{**stored, "touched": tuple(stored["touched"])})


def _save(path: Path, state: UpdateState) -> None:
    write_atomically(path, json.dumps(asdict(state)), mode=0o666)
