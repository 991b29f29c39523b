"""What is written down of an update while it is underway, and how far git has come with it."""

import json
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from bootstrap.errors import Refused
from bootstrap.files import write_atomically
from bootstrap.project import git
from bootstrap.project.repository import Repository

THEIRS = "refs/headstart/update"  # keeps the update's commits from git's clean-up
_NOTE = "update.json"
_LOCKED = ("index", "HEAD", "ORIG_HEAD", "CHERRY_PICK_HEAD", "AUTO_MERGE", "MERGE_MSG")
PATIENCE = 2.0  # seconds that a git which outlived its headstart may take to end


class Stage(StrEnum):
    """How far an update has come."""

    BEGUN = "begun"  # interrupted before git had made its commit or shown its conflicts
    CONFLICTED = "conflicted"
    DONE = "done"


@dataclass(frozen=True)
class Underway:
    """An update that was begun: from where, to what, and which files it may have touched."""

    before: str
    after: str
    head: str
    theirs: str
    backup: str
    touched: tuple[str, ...]


def begun(repository: Repository) -> Underway | None:
    """The update that was begun last, if it is not known to be finished."""
    return load(repository.notes / _NOTE)


def unfinished_here(repository: Repository) -> Underway:
    unfinished = begun(repository)
    if unfinished is None:
        raise Refused("No update is underway here.", next=("begin one: headstart update",))
    return unfinished


def stage(repository: Repository, unfinished: Underway) -> Stage:
    """How far it has come, by what git says."""
    picking = repository.git_dir / "CHERRY_PICK_HEAD"
    if picking.exists():
        return Stage.CONFLICTED
    return Stage.BEGUN if repository.head() == unfinished.head else Stage.DONE


def write(repository: Repository, started: Underway) -> None:
    save(repository.notes / _NOTE, started)


def load(path: Path) -> Underway | None:
    """What a note says, where there is one."""
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Underway(**{**noted, "touched": tuple(noted["touched"])})


def save(path: Path, noted: Underway) -> None:
    """Write a note: complete, or not at all."""
    write_atomically(path, json.dumps(asdict(noted)), mode=0o666)


def forget(repository: Repository) -> None:
    (repository.notes / _NOTE).unlink(missing_ok=True)
    repository.git("update-ref", "-d", THEIRS)


def clear_locks(repository: Repository) -> None:
    """Remove the locks of a git that was killed in the middle of an update."""
    branch = git.call("symbolic-ref", "--quiet", "HEAD", cwd=repository.top).out.strip()
    clear(repository, *filter(None, (*_LOCKED, THEIRS, branch)))


def clear(repository: Repository, *locked: str) -> None:
    """Remove the locks on files and refs of git's; a git that still runs is given time to end."""
    words = ("rev-parse", "--path-format=absolute", "--git-path")
    end = time.monotonic() + PATIENCE
    for lock in [Path(git.run(*words, f"{name}.lock", cwd=repository.top)) for name in locked]:
        while lock.exists() and time.monotonic() < end:
            time.sleep(0.05)
        lock.unlink(missing_ok=True)


def names(listed: str) -> frozenset[str]:
    return frozenset(name for name in listed.split("\0") if name)
