"""Applying an update, going on with it, and taking it back.

What is underway is written down first, so that after any interruption `--abort` knows what the
project was, and every file that may have been touched.
"""

import json
import os
import re
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from bootstrap.errors import HeadstartError, Refused
from bootstrap.project import git, history
from bootstrap.project.merge import Proposal
from bootstrap.project.repository import Repository, check_clear
from bootstrap.project.trees import MERGING, NOBODY, Workbench

BACKUPS = "refs/headstart/backup"
RESCUES = "refs/headstart/rescue"
_THEIRS = "refs/headstart/update"
_NOTE = "update.json"
_MARKERS = re.compile(rb"^(<{7}|>{7}) ", re.MULTILINE)
_PATIENCE = 2.0  # seconds that a git which outlived its headstart may take to end
_QUIET = (
    "-c",
    "core.editor=true",
    "-c",
    "commit.gpgSign=false",
    "-c",
    "advice.mergeConflict=false",
)


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


def apply(bench: Workbench, proposal: Proposal, before: str, after: str) -> Underway:
    """Make the update a commit, or leave its conflicts for a person to settle."""
    repository = bench.repository
    check_clear(repository, proposal.touched)
    bench.keep()
    backup = f"{BACKUPS}/{datetime.now(UTC):%Y%m%d-%H%M%S}-{before}"
    touched = tuple(sorted(proposal.touched))
    started = Underway(before, after, proposal.head, proposal.theirs, backup, touched)
    repository.git("update-ref", backup, proposal.head)
    repository.git("update-ref", _THEIRS, proposal.theirs)
    _write(repository, started)
    _pick(bench, proposal)
    if not proposal.conflicts:
        _verify(repository, proposal, started)
        _forget(repository)
    return started


def begun(repository: Repository) -> Underway | None:
    """The update that was begun last, if it is not known to be finished."""
    try:
        noted = json.loads((repository.notes / _NOTE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Underway(**{**noted, "touched": tuple(noted["touched"])})


def check_finished(repository: Repository) -> None:
    """Refuse while an update is unfinished; one that git has finished or undone is none."""
    unfinished = begun(repository)
    if unfinished is None or stage(repository, unfinished) is Stage.DONE:
        return
    if stage(repository, unfinished) is Stage.CONFLICTED or _rescued_tree(repository, unfinished):
        on, back = "go on: headstart update --continue", "take it back: headstart update --abort"
        raise Refused(
            f"The update from {unfinished.before} to {unfinished.after} is not finished.",
            next=(on, f"or {back}"),
        )


def clear_away(repository: Repository) -> None:
    """Clear what an interrupted update has left, where `check_finished` finds it is none."""
    if begun(repository):
        _clear_locks(repository)
        _forget(repository)


def stage(repository: Repository, unfinished: Underway) -> Stage:
    """How far it has come, by what git says."""
    picking = repository.git_dir / "CHERRY_PICK_HEAD"
    if picking.exists():
        return Stage.CONFLICTED
    return Stage.BEGUN if repository.head() == unfinished.head else Stage.DONE


def proceed(repository: Repository) -> str:
    """Commit what a person has settled; the new commit."""
    reached = stage(repository, _unfinished(repository))
    if reached is Stage.DONE:  # git cherry-pick --continue, or git commit, has done it
        _forget(repository)
        return repository.head()
    if reached is Stage.BEGUN:
        raise Refused(
            "The update was interrupted before it had come to its conflicts.",
            next=("take it back: headstart update --abort", "then run it again"),
        )
    if open_paths := unsettled(repository):
        raise HeadstartError(
            "There are conflicts left.",
            why=tuple(repository.path(path) for path in open_paths),
            next=("settle each, git add it, then: headstart update --continue",),
        )
    who, _ = history.identity(repository.top)
    repository.git(*who, *_QUIET, "cherry-pick", "--continue")
    _forget(repository)
    return repository.head()


def unsettled(repository: Repository) -> tuple[str, ...]:
    """The paths with a conflict that is open, or with its markers still in the text."""
    unmerged = _names(repository.git("diff", "--name-only", "--diff-filter=U", "-z"))
    staged = _names(repository.git("diff", "--cached", "--name-only", "--diff-filter=d", "-z"))
    marked = {name for name in staged if _is_marked(repository.top / name)}
    return tuple(sorted(unmerged | marked))


def abort(repository: Repository) -> str:
    """Bring back every file that the update touched, as it was before.

    What those files held is kept: the ref of a commit with it, empty where they held nothing new.
    """
    unfinished = _unfinished(repository)
    if stage(repository, unfinished) is Stage.DONE:
        _forget(repository)
        raise Refused(
            "The update is finished already.",
            next=(f"to go back to what was before: git reset --keep {unfinished.backup}",),
        )
    return _restore(repository, unfinished)


def _unfinished(repository: Repository) -> Underway:
    unfinished = begun(repository)
    if unfinished is None:
        raise Refused("No update is underway here.", next=("begin one: headstart update",))
    return unfinished


def _restore(repository: Repository, unfinished: Underway) -> str:
    _clear_locks(repository)
    rescue = _rescue(repository, unfinished)
    touched = _touched(repository, unfinished)
    listed = repository.git("ls-tree", "-r", "-z", "--name-only", "--full-tree", unfinished.head)
    known = _names(listed)
    repository.git("cherry-pick", "--quit")
    repository.git("reset", "--mixed", "--quiet", unfinished.head)
    for path in touched - known:
        _remove(repository.top, path)
    back = "".join(f"{path}\0" for path in sorted(touched & known))
    repository.git("checkout-index", "--force", "--index", "-z", "--stdin", given=back)
    _forget(repository)
    return rescue


def _touched(repository: Repository, unfinished: Underway) -> frozenset[str]:
    words = ("diff", "--cached", "--name-only", "--no-renames", "-z", unfinished.head)
    return frozenset(unfinished.touched) | _names(repository.git(*words))


def _rescue(repository: Repository, unfinished: Underway) -> str:
    """Keep what the touched files hold now, which may be half of a person's work."""
    tree = _rescued_tree(repository, unfinished)
    if not tree:
        return ""
    message = "What the files held when an update was taken back"
    words = ("commit-tree", "--no-gpg-sign", tree, "-p", unfinished.head, "-m", message)
    ref = f"{RESCUES}/{datetime.now(UTC):%Y%m%d-%H%M%S}"
    repository.git("update-ref", ref, repository.git(*NOBODY, *words))
    return ref


def _rescued_tree(repository: Repository, unfinished: Underway) -> str:
    """The tree with the touched files as they are on disk; empty where that is as before."""
    index = {"GIT_INDEX_FILE": str(repository.notes / "rescue-index")}
    files = [path for path in _touched(repository, unfinished) if not _is_folder(repository, path)]
    repository.git("read-tree", unfinished.head, environ=index)
    given = "".join(f"{path}\0" for path in files)
    words = ("update-index", "--add", "--remove", "-z", "--stdin")
    repository.git(*words, environ=index, given=given)
    tree = repository.git("write-tree", environ=index)
    (repository.notes / "rescue-index").unlink()
    return "" if tree == repository.git("rev-parse", f"{unfinished.head}^{{tree}}") else tree


def _is_folder(repository: Repository, path: str) -> bool:
    place = repository.top / path
    return place.is_dir() and not place.is_symlink()


def backups(repository: Repository) -> tuple[str, ...]:
    """Where updates began, oldest first: what to go back to."""
    return tuple(repository.git("for-each-ref", "--format=%(refname)", BACKUPS).splitlines())


def _pick(bench: Workbench, proposal: Proposal) -> None:
    repository = bench.repository
    who, _ = history.identity(repository.top)
    attributes = bench.attributes(proposal.unmergeable)
    try:
        repository.git(
            *(*who, *_QUIET, *MERGING, *attributes, "cherry-pick", "--allow-empty", proposal.theirs)
        )
    except HeadstartError:
        if not (repository.git_dir / "CHERRY_PICK_HEAD").exists():
            _forget(repository)
            raise


def _verify(repository: Repository, proposal: Proposal, started: Underway) -> None:
    """What was shown is what was done; where git has done anything else, it is taken back."""
    if repository.git("rev-parse", "HEAD^{tree}") == proposal.merged:
        return
    _restore(repository, started)
    raise HeadstartError(
        "git merged otherwise than it had foretold; the update was taken back.",
        next=("this is a mistake of Headstart: please report it",),
    )


def _names(listed: str) -> frozenset[str]:
    return frozenset(name for name in listed.split("\0") if name)


def _write(repository: Repository, started: Underway) -> None:
    draft = repository.notes / f"{_NOTE}.draft"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(asdict(started), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(repository.notes / _NOTE)


def _forget(repository: Repository) -> None:
    (repository.notes / _NOTE).unlink(missing_ok=True)
    repository.git("update-ref", "-d", _THEIRS)


def _clear_locks(repository: Repository) -> None:
    """Remove the locks of a git that was killed; one that still runs is given time to end."""
    branch = git.call("symbolic-ref", "--quiet", "HEAD", cwd=repository.top).out.strip()
    words = ("rev-parse", "--path-format=absolute", "--git-path")
    names = ("index.lock", "HEAD.lock", *([f"{branch}.lock"] if branch else []))
    end = time.monotonic() + _PATIENCE
    for lock in [Path(git.run(*words, name, cwd=repository.top)) for name in names]:
        while lock.exists() and time.monotonic() < end:
            time.sleep(0.05)
        lock.unlink(missing_ok=True)


def _remove(top: Path, path: str) -> None:
    """Remove a file that the update brought, and the folders that are empty without it."""
    (top / path).unlink(missing_ok=True)
    for folder in (top / path).parents:
        if folder == top or not folder.is_dir() or any(folder.iterdir()):
            return
        folder.rmdir()


def _is_marked(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and bool(_MARKERS.search(path.read_bytes()))
