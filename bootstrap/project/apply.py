"""Apply an update, and continue it when its conflicts are resolved.

What is underway is written down first, with copies of every file that may be touched: whatever
fails then, they are put back.
"""

import shlex
from dataclasses import replace

from bootstrap.errors import HeadstartError, Refused
from bootstrap.language import Said
from bootstrap.project import (
    commits,
    conflicts,
    git,
    locks,
    made_commits,
    rollback,
    snapshot,
    update_state,
)
from bootstrap.project.commits import CommitOptions, HookFailed, MadeCommit
from bootstrap.project.merge import Proposal
from bootstrap.project.repository import (
    Repository,
    not_as_committed,
    require_clean_index,
    require_clean_paths,
)
from bootstrap.project.trees import MERGING, ScratchRepository
from bootstrap.project.update_state import UPDATE_REF, Stage, UpdateState

_LINK = "160000"  # the mode of a submodule
_AS_CONFIGURED = CommitOptions()
_PINS = ("toolchain.yml", ".python-version", *locks.LOCKS)
# Of a project's own hooks, those that run what is pinned: what an update pins is not installed
# before it is committed. Its verification runs them afterwards, as parts of `make check`.
_BY_WHAT_IS_PINNED = ("style", "types", "imports", "revisions")


def apply(
    scratch: ScratchRepository,
    proposal: Proposal,
    before: str,
    after: str,
    options: CommitOptions = _AS_CONFIGURED,
) -> tuple[UpdateState, MadeCommit | None]:
    """Commit the update, or leave its conflicts to be resolved: then there is no commit yet."""
    repository = scratch.repository
    author, message = _author_and_message(scratch, proposal)
    if git.HEADSTART in author:
        raise git.nobody()
    _require_outside_submodules(scratch, proposal)
    if proposal.conflicts:
        _require_nothing_intended(repository)
    others = require_clean_paths(repository, proposal.touched)
    scratch.keep(proposal.merged, proposal.theirs, known=proposal.head)
    backup = rollback.backup_name(before, proposal.head)
    started = UpdateState(
        *(before, after, proposal.head),
        theirs=proposal.theirs if proposal.conflicts else "",
        backup=backup,
        touched=tuple(sorted(proposal.touched)),
        merged=proposal.merged,
        signed=options.sign,
    )
    _begin(repository, started, proposal.theirs)
    try:
        if proposal.conflicts:
            return _pick(scratch, proposal, started), None
        made = _commit(repository, started, message, _possible(proposal, repository, options))
        if made.changed:  # by a hook
            _note(repository, started, made)
    except (Exception, KeyboardInterrupt) as error:
        rollback.undo(repository, started)
        rollback.forget(repository, started)
        if isinstance(error, HookFailed):
            _take_back_of_hooks(repository, others)
            left = sorted(not_as_committed(repository).keys() - others)
            what = f"{error.what.removesuffix('.')}, so the update was undone."
            why = (*error.why, *((f"it left behind: {', '.join(left)}",) if left else ()))
            raise HookFailed(what, why=why, next=error.next) from error
        if isinstance(error, git.GitError):
            raise rollback.as_it_was("git could not write the update", error) from error
        raise
    update_state.clear(repository)
    rollback.prune(repository)
    return started, made


def obstacle(repository: Repository, proposal: Proposal) -> Refused | None:
    """What would refuse to apply a proposal now: changes of yours that are in its way."""
    try:
        require_clean_index(repository)
        require_clean_paths(repository, proposal.touched)
    except Refused as refused:
        return refused
    return None


def proceed(repository: Repository, options: CommitOptions = _AS_CONFIGURED) -> MadeCommit:
    """Commit the resolved conflicts."""
    rollback.forget_undone(repository)
    state = update_state.require_underway(repository)
    reached = update_state.stage(repository, state)
    if reached is Stage.DONE:  # git cherry-pick --continue, or git commit, has done it
        made_commits.note_finished(repository, state)
        update_state.clear(repository)
        return MadeCommit(repository.head(), signed=False, hooks=())
    if reached is Stage.BEGUN and not state.conflicts:
        raise Refused(
            Said("The update was interrupted before it had come to its conflicts."),
            next=(
                Said("run it again: headstart update"),
                Said("or undo it: headstart update --abort"),
            ),
        )
    if open_paths := conflicts.unresolved(repository, state):
        raise HeadstartError(
            Said("There are conflicts left."),
            why=tuple(repository.path(path) for path in open_paths),
            next=(Said("resolve each, git add it, then: headstart update --continue"),),
        )
    git.require_identity(repository.top)
    words = ("--no-edit", "--cleanup=strip")
    if reached is Stage.BEGUN:  # git cherry-pick --quit has forgotten whose message it is
        words = ("-C", state.theirs)
    staged = repository.git("write-tree")
    made = commits.commit(repository, options, *words, expected=staged)
    _note(repository, state, made)
    update_state.clear(repository)
    return made


def _begin(repository: Repository, started: UpdateState, theirs: str) -> None:
    """Note what begins; the template's side says to a verification why an import is broken."""
    try:
        snapshot.take(repository, started.touched)
        update_state.save(repository, started)
        made_commits.note(repository, started.head, started.merged)
        update_state.save_unverified(repository, replace(started, theirs=theirs))
        refs = {started.backup: started.head} | ({UPDATE_REF: theirs} if started.theirs else {})
        lines = "".join(f"update {ref} {commit}\n" for ref, commit in refs.items())
        repository.git("update-ref", "--stdin", given=lines)
    except (Exception, KeyboardInterrupt):
        update_state.clear(repository)
        rollback.forget(repository, started)
        raise


def _note(repository: Repository, state: UpdateState, made: MadeCommit) -> None:
    made_commits.note(repository, state.head, repository.git("rev-parse", f"{made.id}^{{tree}}"))


def _possible(proposal: Proposal, repository: Repository, options: CommitOptions) -> CommitOptions:
    """The options, without the hooks that nobody can satisfy before this update is committed."""
    pinned = {f"{repository.prefix}{name}" for name in _PINS}
    is_repinned = bool(pinned & proposal.touched)
    return replace(options, skip=_BY_WHAT_IS_PINNED) if is_repinned else options


def _commit(
    repository: Repository, started: UpdateState, message: str, options: CommitOptions
) -> MadeCommit:
    repository.switch(started.head, started.merged, started.touched)
    words = ("--cleanup=whitespace", "--file=-")
    return commits.commit(repository, options, *words, message=message, expected=started.merged)


def _take_back_of_hooks(repository: Repository, others: frozenset[str]) -> None:
    """Restore what a failed hook has changed; `others` were changed before it ran."""
    changed = repository.differing("--diff-filter=MDT") - others - repository.unwatched()
    paths = "".join(f"{path}\0" for path in sorted(changed))
    repository.git("checkout-index", "--force", "--index", "-z", "--stdin", given=paths)


def _require_outside_submodules(scratch: ScratchRepository, proposal: Proposal) -> None:
    """Refuse where the update would write into a submodule, which is another repository."""
    submodules = [path for path, each in scratch.tree(proposal.head).items() if each.mode == _LINK]
    touched = [f"{path}/" for path in proposal.touched]
    for submodule in submodules:
        if any(path.startswith(f"{submodule}/") for path in touched):
            raise Refused(
                Said(
                    "{submodule} is a submodule here, and a folder of files in the template.",
                    submodule=submodule,
                ),
                why=(Said("an update writes into no other repository"),),
                next=(
                    Said(
                        "give the submodule another name: git mv {submodule} NAME && git commit",
                        submodule=submodule,
                    ),
                ),
            )


def _require_nothing_intended(repository: Repository) -> None:
    """Refuse what `git add -N` has announced: git picks no commit beside that."""
    announced = sorted(repository.differing("--diff-filter=A"))
    if announced:
        raise Refused(
            Said("Files are announced to git, and not yet added."),
            why=tuple(announced),
            next=(
                Said(
                    "add and commit them, or take that back: git reset -- {files}",
                    files=shlex.join(announced),
                ),
            ),
        )


def _author_and_message(scratch: ScratchRepository, proposal: Proposal) -> tuple[str, str]:
    """Those of the template's commit: its author is the user, where git knows one."""
    about, _, message = scratch.commit_text(proposal.theirs).partition("\n\n")
    return next(line for line in about.splitlines() if line.startswith("author ")), message


def _pick(scratch: ScratchRepository, proposal: Proposal, started: UpdateState) -> UpdateState:
    """Let git leave the conflicts, as those of a cherry-pick."""
    repository = scratch.repository
    quiet = ("-c", "rerere.autoUpdate=false", "-c", "commit.gpgSign=false")
    options = (*MERGING, *quiet, *scratch.attributes(proposal.unmergeable))
    with repository.keeping_modes(started.head, started.touched):
        try:
            repository.git(*options, "cherry-pick", "--allow-empty", proposal.theirs)
        except git.GitError:
            if update_state.stage(repository, started) is not Stage.CONFLICTED:
                raise
    written = repository.differing("--cached", started.head)
    noted = replace(
        started,
        touched=tuple(sorted(written.union(started.touched))),
        conflicts=conflicts.left_by_git(repository),
    )
    update_state.save(repository, noted)
    return noted
