"""Applying an update, and going on with it when its conflicts are settled.

What is underway is written down first, so that after any interruption `--abort` knows what the
project was, and every file that may have been touched.
"""

import re
from pathlib import Path

from bootstrap.errors import HeadstartError, Refused
from bootstrap.project import backups, due, history
from bootstrap.project.merge import Proposal
from bootstrap.project.repository import Repository, require_clean_paths
from bootstrap.project.rollback import restore
from bootstrap.project.trees import MERGING, ScratchRepository
from bootstrap.project.underway import (
    UPDATE_REF,
    Stage,
    UpdateState,
    forget,
    names,
    stage,
    unfinished_here,
    write,
)

_MARKERS = re.compile(rb"^(<{7}|>{7}) ", re.MULTILINE)
_QUIET = (
    *("-c", "core.editor=true"),
    *("-c", "commit.gpgSign=false"),
    *("-c", "rerere.autoUpdate=false"),
)


def apply(scratch: ScratchRepository, proposal: Proposal, before: str, after: str) -> UpdateState:
    """Make the update a commit, or leave its conflicts for a person to settle."""
    repository = scratch.repository
    require_clean_paths(repository, proposal.touched)
    scratch.keep(proposal.theirs, proposal.head)
    backup = backups.name(before, proposal.head)
    touched = tuple(sorted(proposal.touched))
    started = UpdateState(before, after, proposal.head, proposal.theirs, backup, touched)
    write(repository, started)
    due.note(repository, started)
    repository.git("update-ref", backup, proposal.head)
    repository.git("update-ref", UPDATE_REF, proposal.theirs)
    _pick(scratch, proposal, started)
    if not proposal.conflicts:
        _verify(repository, proposal, started)
        forget(repository)
        backups.prune(repository)
    return started


def proceed(repository: Repository) -> str:
    """Commit what a person has settled; the new commit."""
    reached = stage(repository, unfinished_here(repository))
    if reached is Stage.DONE:  # git cherry-pick --continue, or git commit, has done it
        forget(repository)
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
    forget(repository)
    return repository.head()


def unsettled(repository: Repository) -> tuple[str, ...]:
    """The paths with a conflict that is open, or with its markers still in the text."""
    unmerged = names(repository.git("diff", "--name-only", "--diff-filter=U", "-z"))
    staged = names(repository.git("diff", "--cached", "--name-only", "--diff-filter=d", "-z"))
    marked = {name for name in staged if _is_marked(repository.top / name)}
    return tuple(sorted(unmerged | marked))


def _pick(scratch: ScratchRepository, proposal: Proposal, started: UpdateState) -> None:
    repository = scratch.repository
    who, _ = history.identity(repository.top)
    options = (*who, *_QUIET, *MERGING, *scratch.attributes(proposal.unmergeable))
    try:
        repository.git(*options, "cherry-pick", "--allow-empty", proposal.theirs)
    except HeadstartError:
        if not (repository.git_dir / "CHERRY_PICK_HEAD").exists():
            restore(repository, started)
            raise
        if not proposal.conflicts:  # git had a doubt where a folder went, and no file to ask about
            repository.git(*options, "cherry-pick", "--continue")


def _verify(repository: Repository, proposal: Proposal, started: UpdateState) -> None:
    """What was shown is what was done; where git has done anything else, it is taken back."""
    if repository.git("rev-parse", "HEAD^{tree}") == proposal.merged:
        return
    restore(repository, started)
    raise HeadstartError(
        "git merged otherwise than it had foretold; the update was taken back.",
        next=("this is a mistake of Headstart: please report it",),
    )


def _is_marked(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and bool(_MARKERS.search(path.read_bytes()))
