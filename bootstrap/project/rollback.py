"""Undo an update, while it is underway or when it is done.

Nothing is thrown away: where updates began is kept under `BACKUPS`, and what the files held when
one was undone becomes a commit under `RESCUES`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bootstrap import files
from bootstrap.errors import HeadstartError, Refused
from bootstrap.language import Said
from bootstrap.project import git, interruption, made_commits, revisions, snapshot, update_state
from bootstrap.project.git import HEADSTART_IDENTITY, GitError
from bootstrap.project.repository import (
    Repository,
    require_clean_index,
    require_clean_paths,
)
from bootstrap.project.update_state import Stage, UpdateState
from bootstrap.system import system_steps

BACKUPS = "refs/headstart/backup"
RESCUES = "refs/headstart/rescue"
KEPT = 10
_STAMP = "%Y%m%d-%H%M%S"


# -- an update that is underway --------------------------------------------------------------------


@dataclass(frozen=True)
class Restored:
    """An update that was undone before it was finished.

    `rescue` is the ref of a commit with what its files held, empty if that was nothing new;
    `aside` are the new names of what was in the way of its files.
    """

    rescue: str
    aside: tuple[str, ...]


def abort(repository: Repository) -> Restored:
    """Restore every file that the update touched."""
    state = update_state.require_underway(repository)
    if update_state.stage(repository, state) is Stage.DONE:
        update_state.clear(repository)
        raise Refused(
            Said("The update is finished already."),
            next=(Said("to go back to what was before: headstart update --rollback"),),
        )
    return restore(repository, state)


def require_finished(repository: Repository) -> None:
    """Refuse while an update is unfinished; one that git finished or undid is not."""
    state = update_state.underway(repository)
    if state is None:
        return
    stage = update_state.stage(repository, state)
    if stage is Stage.CONFLICTED or (stage is Stage.BEGUN and _is_changed(repository, state)):
        raise _unfinished(state, stage)


def settle(repository: Repository) -> None:
    """Undo an interrupted update, if nothing but its own changes can be lost by that.

    Only under the lock: without it, the update may be going on in another process.
    """
    state = update_state.underway(repository)
    if state is None:
        return
    if update_state.stage(repository, state) is not Stage.CONFLICTED:
        update_state.clear_locks(repository)  # a git that outlived its headstart ends meanwhile
    stage = update_state.stage(repository, state)
    if stage is Stage.CONFLICTED:
        raise _unfinished(state, stage)
    if stage is Stage.BEGUN and _is_changed(repository, state):
        if not interruption.is_own_work(repository, state):
            raise _unfinished(state, stage)
        undo(repository, state)
    forget_undone(repository)
    if stage is Stage.DONE and not state.undoing and update_state.underway(repository):
        made_commits.note_finished(repository, state)
    update_state.clear(repository)


def forget_undone(repository: Repository) -> None:
    """Forget an update that git itself has undone: by `cherry-pick --abort`, or `reset --hard`."""
    state = update_state.underway(repository)
    if state is None or state.undoing:
        return
    stage = update_state.stage(repository, state)
    if stage is Stage.BEGUN:
        undone = not _is_changed(repository, state)
    else:
        undone = stage is Stage.DONE and not made_commits.has_happened(repository, state)
    if undone:
        update_state.clear(repository)
        forget(repository, state)


def forget(repository: Repository, state: UpdateState) -> None:
    """Leave no trace of an update that has not happened; of an undo that has not, the backup."""
    if not state.undoing:
        update_state.clear_unverified(repository)
        git.query("update-ref", "-d", state.backup, cwd=repository.top)


def undo(repository: Repository, state: UpdateState) -> tuple[str, ...]:
    """Put everything back as it was before an update that failed.

    Where that fails, the note of the update stays, and the same can be done again.
    """
    try:
        if repository.head() != state.head:
            repository.git("update-ref", "-m", "headstart: undo", "HEAD", state.head)
        before = snapshot.load(repository)
        aside = before.put_back() if before else ()
        if update_state.stage(repository, state) is Stage.CONFLICTED:
            repository.git("cherry-pick", "--quit")
        if before is None:  # an older Headstart has begun it
            repository.git("reset", "--merge", state.head)
    except (OSError, HeadstartError) as error:
        raise _half_undone(error) from error
    repository.refresh()
    update_state.clear(repository)
    return aside


def restore(repository: Repository, state: UpdateState) -> Restored:
    """Undo an update on which somebody may have worked; what the files hold now is kept."""
    update_state.clear_locks(repository)
    try:
        rescue = _rescue(repository, state)
    except (OSError, HeadstartError) as error:
        if not interruption.is_own_work(repository, state):
            raise _half_undone(error) from error
        rescue = ""  # there is nothing of anybody's that would have to be kept
    aside = undo(repository, state)
    forget(repository, state)
    return Restored(rescue, aside)


def as_it_was(what: str, error: GitError) -> HeadstartError:
    """What to say of git's failure after an `undo`."""
    return HeadstartError(
        Said("{what}; everything is as it was before.", what=what),
        why=error.why,
        next=system_steps(error.why, Said("fix what git reports, then run the same command again")),
    )


def _half_undone(error: OSError | HeadstartError) -> HeadstartError:
    said = (error.what, *error.why) if isinstance(error, HeadstartError) else (str(error),)
    return HeadstartError(
        Said("The update could not be undone to its end; what is needed for that is kept."),
        why=said,
        next=(Said("make room, or give permission, there"), Said("then: headstart update --abort")),
    )


def _unfinished(state: UpdateState, stage: Stage) -> Refused:
    if state.undoing:
        return Refused(
            Said("Undoing an update was interrupted."),
            next=(
                Said("go on: headstart update --rollback"),
                Said("or keep the update: headstart update --abort"),
            ),
        )
    steps = {
        Stage.CONFLICTED: "continue: headstart update --continue",
        Stage.BEGUN: "if nothing was edited since, go on: headstart update",
    }
    return Refused(
        Said(
            "The update from {before} to {after} is not finished.",
            before=state.before,
            after=state.after,
        ),
        next=(
            steps[Stage.CONFLICTED if state.conflicts else stage],
            Said("or undo it: headstart update --abort"),
        ),
    )


def _is_changed(repository: Repository, state: UpdateState) -> bool:
    """Whether an interrupted update left anything else than was there before."""
    before = snapshot.load(repository)
    if before is not None:
        return bool(before.changed() or repository.differing("--cached", state.head))
    return bool(repository.differing(state.head) & frozenset(state.touched))


def _rescue(repository: Repository, state: UpdateState) -> str:
    """Keep what the touched files hold now, which may be half of a person's work."""
    tree = _changed_tree(repository, state)
    if not tree:
        return ""
    message = "What the files held when an update was undone"
    words = ("commit-tree", "--no-gpg-sign", tree, "-p", state.head, "-m", message)
    ref = _rescue_name()
    repository.git("update-ref", ref, repository.git(*HEADSTART_IDENTITY, *words))
    return ref


def _changed_tree(repository: Repository, state: UpdateState) -> str:
    """The tree with the changed files as they are on disk; empty if nothing changed."""
    before = snapshot.load(repository)
    changed = before.changed() if before else frozenset(state.touched)
    changed |= repository.differing("--cached", state.head) - frozenset(state.touched)
    if not changed:
        return ""
    aside = repository.notes / "rescue"
    files.remove(aside)  # one that was killed left its index there, and a lock
    aside.mkdir()
    try:
        tree = _tree_with(repository, state.head, changed, {"GIT_INDEX_FILE": str(aside / "index")})
    finally:
        files.remove(aside)
    return "" if tree == repository.git("rev-parse", f"{state.head}^{{tree}}") else tree


def _tree_with(
    repository: Repository, head: str, changed: frozenset[str], index: Mapping[str, str]
) -> str:
    repository.git("read-tree", head, environ=index)
    there = sorted(path for path in changed if snapshot.is_there(repository.top, path))
    gone = "".join(f"0 {'0' * len(head)}\t{path}\0" for path in changed - set(there))
    repository.git("update-index", "-z", "--index-info", environ=index, given=gone)
    _add(repository, there, index)
    return repository.git("write-tree", environ=index)


def _add(repository: Repository, paths: Sequence[str], index: Mapping[str, str]) -> None:
    """Add files to an index; where a filter fails, with the bytes that they have."""
    words = ("update-index", "--add", "--replace", "-z", "--stdin")
    try:
        repository.git(*words, environ=index, given="".join(f"{path}\0" for path in paths))
    except GitError:
        for path in paths:
            it = repository.top / path
            mode = "120000" if it.is_symlink() else "100644"
            raw = ("--stdin",) if it.is_symlink() else ("--no-filters", "--", path)
            given = snapshot.link_target(it) if it.is_symlink() else ""
            blob = repository.git("hash-object", "-w", *raw, given=given)
            entry = ("--add", "--replace", "--cacheinfo", f"{mode},{blob},{path}")
            repository.git("update-index", *entry, environ=index)


# -- an update that is done ------------------------------------------------------------------------


@dataclass(frozen=True)
class Returned:
    """An undone update: where the project is now, and the ref that still has the update.

    `revisions` are the files of migrations that went with it.
    """

    head: str
    rescue: str
    revisions: tuple[str, ...]


def backup_name(version: str, head: str) -> str:
    """The ref for an update that begins now, from that version and commit."""
    return f"{BACKUPS}/{datetime.now(UTC):{_STAMP}}-{version}-{head[:8]}"


def backups(repository: Repository, *options: str) -> tuple[str, ...]:
    """The refs to where updates began, oldest first."""
    words = ("for-each-ref", *options, "--format=%(refname)", BACKUPS)
    return tuple(repository.git(*words).splitlines())


def backup_time(ref: str) -> datetime:
    """When the update of a backup began."""
    stamp = ref.removeprefix(f"{BACKUPS}/")[: len("20261122-204812")]
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)


def prune(repository: Repository) -> None:
    """Keep the newest backups that lead back from here, and all those of elsewhere."""
    if repository.refs_at_most(BACKUPS) <= KEPT:
        return
    for ref in backups(repository, "--merged", "HEAD")[:-KEPT]:
        repository.git("update-ref", "-d", ref)


def newest(repository: Repository) -> str:
    """The backup of the last update that is still in what is checked out, or nothing."""
    head = repository.head()
    left = backups(repository, "--merged", "HEAD", "--no-contains", head)
    return left[-1] if left else ""


def go_back(repository: Repository) -> Returned:
    """Undo the newest update, if only updates were committed since it began.

    Every other file stays as it is, whether it is committed or not.
    """
    state = update_state.underway(repository)
    if state and state.undoing and git.commit_id(state.backup, repository.top) == repository.head():
        return _returned(repository, state)  # it was killed when all was done
    settle(repository)
    require_clean_index(repository)
    ref = newest(repository)
    if not ref:
        raise Refused(
            Said("There is no update to undo here."), next=(Said("headstart status lists them"),)
        )
    _require_alone(repository, ref)
    touched = repository.differing(ref, "HEAD")
    require_clean_paths(repository, touched)
    left = repository.head()
    began = repository.git("rev-parse", ref)
    tree = repository.git("rev-parse", f"{began}^{{tree}}")
    listed = tuple(sorted(touched))
    state = UpdateState("", "", left, "", ref, listed, merged=tree, undoing=True)
    snapshot.take(repository, touched)
    update_state.save(repository, state)
    try:
        repository.switch(left, began, touched)
        repository.git("update-ref", _rescue_name(), left)
        repository.git("update-ref", "-m", "headstart: rollback", "HEAD", began)
    except (Exception, KeyboardInterrupt) as error:
        undo(repository, state)
        if isinstance(error, GitError):
            raise as_it_was("git could not write the files of before", error) from error
        raise
    return _returned(repository, state)


def _returned(repository: Repository, state: UpdateState) -> Returned:
    """What a rollback has led to, that of an earlier run included which was killed at its end."""
    update_state.clear(repository)
    update_state.clear_unverified(repository)
    gone = repository.differing("--diff-filter=A", "HEAD", state.head)
    folder = repository.prefix + revisions.VERSIONS
    undone = tuple(sorted(repository.path(path) for path in gone if path.startswith(folder)))
    words = ("for-each-ref", f"--points-at={state.head}", "--format=%(refname)", RESCUES)
    return Returned(repository.head(), repository.git(*words).splitlines()[-1], undone)


def _rescue_name() -> str:
    return f"{RESCUES}/{datetime.now(UTC):{_STAMP}-%f}"


def is_alone(repository: Repository, ref: str) -> bool:
    """Whether only updates were committed since a backup, and nothing else with them."""
    if not ref:
        return False
    since = made_commits.since(repository, ref)
    return not (since.grown or since.others)


def _require_alone(repository: Repository, ref: str) -> None:
    since = made_commits.since(repository, ref)
    if since.grown:
        raise _grown(repository, since.grown, ref)
    if not since.others:
        return
    reverts = " && ".join(f"git revert {line.split()[0]}" for line in since.updates)
    back = f"go back without them: git reset --keep {ref}"
    raise Refused(
        Said("There are commits that came after the update."),
        why=tuple(since.others),
        next=(
            Said("undo the update alone: {reverts}", reverts=reverts),
            Said("or {back}", back=back),
        )
        if reverts
        else (back,),
    )


def _grown(repository: Repository, grown: Mapping[str, tuple[str, ...]], ref: str) -> Refused:
    reverts = " && ".join(f"git revert {line.split()[0]}" for line in grown)
    return Refused(
        Said("The commit of the update holds more than the update: it was amended or squashed."),
        why=tuple(
            f"{line}: {', '.join(map(repository.path, paths)) or 'not as it was committed'}"
            for line, paths in grown.items()
        ),
        next=(
            Said(
                "undo all of it by a commit, and what you need can be had from history: {reverts}",
                reverts=reverts,
            ),
            Said("or go back without it: git reset --keep {ref}", ref=ref),
        ),
    )
