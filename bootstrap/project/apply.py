"""Apply an update, and continue it when its conflicts are resolved.

What is underway is written down first, so that after any interruption `--abort` knows what the
project was, and every file that may have been touched.
"""

import re
from pathlib import Path

from bootstrap.errors import HeadstartError, Refused
from bootstrap.project import git, rollback, update_state
from bootstrap.project.merge import Proposal
from bootstrap.project.repository import Repository, require_clean_paths
from bootstrap.project.trees import MERGING, ScratchRepository
from bootstrap.project.update_state import UPDATE_REF, Stage, UpdateState

_MARKERS = re.compile(rb"^(<{7}|>{7}) ", re.MULTILINE)
_QUIET = (
    *("-c", "core.editor=true"),
    *("-c", "commit.gpgSign=false"),
    *("-c", "rerere.autoUpdate=false"),
)


def apply(scratch: ScratchRepository, proposal: Proposal, before: str, after: str) -> UpdateState:
    """Commit the update, or leave its conflicts to be resolved."""
    repository = scratch.repository
    require_clean_paths(repository, proposal.touched)
    scratch.keep(proposal.theirs, proposal.head)
    backup = rollback.backup_name(before, proposal.head)
    touched = tuple(sorted(proposal.touched))
    started = UpdateState(before, after, proposal.head, proposal.theirs, backup, touched)
    update_state.save(repository, started)
    update_state.save_unverified(repository, started)
    repository.git("update-ref", backup, proposal.head)
    repository.git("update-ref", UPDATE_REF, proposal.theirs)
    _pick(scratch, proposal, started)
    if not proposal.conflicts:
        _require_as_proposed(repository, proposal, started)
        update_state.clear(repository)
        rollback.prune(repository)
    return started


def proceed(repository: Repository) -> str:
    """Commit the resolved conflicts; return the new commit."""
    reached = update_state.stage(repository, update_state.require_underway(repository))
    if reached is Stage.DONE:  # git cherry-pick --continue, or git commit, has done it
        update_state.clear(repository)
        return repository.head()
    if reached is Stage.BEGUN:
        raise Refused(
            "The update was interrupted before it had come to its conflicts.",
            next=("take it back: headstart update --abort", "then run it again"),
        )
    if open_paths := unresolved(repository):
        raise HeadstartError(
            "There are conflicts left.",
            why=tuple(repository.path(path) for path in open_paths),
            next=("settle each, git add it, then: headstart update --continue",),
        )
    who = git.identity(repository.top)
    repository.git(*who, *_QUIET, "cherry-pick", "--continue")
    update_state.clear(repository)
    return repository.head()


def unresolved(repository: Repository) -> tuple[str, ...]:
    """The paths with an open conflict, or with conflict markers left in the text."""
    unmerged = repository.differing("--diff-filter=U")
    staged = repository.differing("--cached", "--diff-filter=d")
    marked = {name for name in staged if _is_marked(repository.top / name)}
    return tuple(sorted(unmerged | marked))


def _pick(scratch: ScratchRepository, proposal: Proposal, started: UpdateState) -> None:
    repository = scratch.repository
    who = git.identity(repository.top)
    options = (*who, *_QUIET, *MERGING, *scratch.attributes(proposal.unmergeable))
    try:
        repository.git(*options, "cherry-pick", "--allow-empty", proposal.theirs)
    except HeadstartError:
        if not (repository.git_dir / "CHERRY_PICK_HEAD").exists():
            rollback.restore(repository, started)
            raise
        if not proposal.conflicts:  # git had a doubt where a folder went, and no file to ask about
            repository.git(*options, "cherry-pick", "--continue")


def _require_as_proposed(repository: Repository, proposal: Proposal, started: UpdateState) -> None:
    """Undo the update if git did anything else than was shown."""
    if repository.git("rev-parse", "HEAD^{tree}") == proposal.merged:
        return
    rollback.restore(repository, started)
    raise HeadstartError(
        "git merged otherwise than it had foretold; the update was taken back.",
        next=("this is a mistake of Headstart: please report it",),
    )


def _is_marked(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and bool(_MARKERS.search(path.read_bytes()))
