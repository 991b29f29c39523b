"""Undo an update, while it is underway or when it is done.

Nothing is thrown away: where updates began is kept under `BACKUPS`, and what the files held when
one was undone becomes a commit under `RESCUES`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bootstrap.errors import Refused
from bootstrap.project import revisions, update_state
from bootstrap.project.git import HEADSTART_IDENTITY, split_paths
from bootstrap.project.repository import (
    BY_HEADSTART,
    Repository,
    require_clean_index,
    require_clean_paths,
)
from bootstrap.project.update_state import Stage, UpdateState

BACKUPS = "refs/headstart/backup"
RESCUES = "refs/headstart/rescue"
KEPT = 10
_STAMP = "%Y%m%d-%H%M%S"


# -- an update that is underway --------------------------------------------------------------------


def abort(repository: Repository) -> str:
    """Restore every file that the update touched.

    Returns the ref of a commit with what those files held; empty if that was nothing new.
    """
    state = update_state.require_underway(repository)
    if update_state.stage(repository, state) is Stage.DONE:
        update_state.clear(repository)
        raise Refused(
            "The update is finished already.",
            next=("to go back to what was before: headstart update --rollback",),
        )
    return restore(repository, state)


def require_finished(repository: Repository) -> None:
    """Refuse while an update is unfinished; one that git finished or undid is not."""
    state = update_state.underway(repository)
    if state is None:
        return
    stage = update_state.stage(repository, state)
    if stage is Stage.CONFLICTED or (stage is Stage.BEGUN and _changed_tree(repository, state)):
        raise Refused(
            f"The update from {state.before} to {state.after} is not finished.",
            next=(
                "continue: headstart update --continue",
                "or undo it: headstart update --abort",
            ),
        )


def clear_interrupted(repository: Repository) -> None:
    """Clear what an interrupted update left, if `require_finished` accepts it."""
    if update_state.underway(repository):
        update_state.clear_locks(repository)
        update_state.clear(repository)


def restore(repository: Repository, state: UpdateState) -> str:
    """Restore the files of an update; return the ref of what they held, if that was new."""
    update_state.clear_locks(repository)
    rescue = _rescue(repository, state)
    touched = _touched(repository, state)
    listed = repository.git("ls-tree", "-r", "-z", "--name-only", "--full-tree", state.head)
    known = split_paths(listed)
    repository.git("cherry-pick", "--quit")
    repository.git("reset", "--mixed", "--quiet", state.head)
    for path in touched - known:
        _remove(repository.top, path)
    back = "".join(f"{path}\0" for path in sorted(touched & known))
    repository.git("checkout-index", "--force", "--index", "-z", "--stdin", given=back)
    update_state.clear(repository)
    return rescue


def _touched(repository: Repository, state: UpdateState) -> frozenset[str]:
    return frozenset(state.touched) | repository.differing("--cached", state.head)


def _rescue(repository: Repository, state: UpdateState) -> str:
    """Keep what the touched files hold now, which may be half of a person's work."""
    tree = _changed_tree(repository, state)
    if not tree:
        return ""
    message = "What the files held when an update was undone"
    words = ("commit-tree", "--no-gpg-sign", tree, "-p", state.head, "-m", message)
    ref = f"{RESCUES}/{datetime.now(UTC):{_STAMP}}"
    repository.git("update-ref", ref, repository.git(*HEADSTART_IDENTITY, *words))
    return ref


def _changed_tree(repository: Repository, state: UpdateState) -> str:
    """The tree with the touched files as they are on disk; empty if nothing changed."""
    index = {"GIT_INDEX_FILE": str(repository.notes / "rescue-index")}
    places = {path: repository.top / path for path in _touched(repository, state)}
    files = [path for path, it in places.items() if not it.is_dir() or it.is_symlink()]
    repository.git("read-tree", state.head, environ=index)
    paths = "".join(f"{path}\0" for path in files)
    words = ("update-index", "--add", "--remove", "-z", "--stdin")
    repository.git(*words, environ=index, given=paths)
    tree = repository.git("write-tree", environ=index)
    (repository.notes / "rescue-index").unlink()
    return "" if tree == repository.git("rev-parse", f"{state.head}^{{tree}}") else tree


def _remove(top: Path, path: str) -> None:
    """Remove a file that the update brought, and the folders that it leaves empty."""
    (top / path).unlink(missing_ok=True)
    for folder in (top / path).parents:
        if folder == top or not folder.is_dir() or any(folder.iterdir()):
            return
        folder.rmdir()


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
    for ref in backups(repository, "--merged", "HEAD")[:-KEPT]:
        repository.git("update-ref", "-d", ref)


def newest(repository: Repository) -> str:
    """The backup of the last update that is still in what is checked out, or nothing."""
    head = repository.head()
    behind = backups(repository, "--merged", "HEAD")
    left = [ref for ref in behind if repository.git("rev-parse", ref) != head]
    return left[-1] if left else ""


def go_back(repository: Repository) -> Returned:
    """Undo the newest update, if only updates were committed since it began.

    Every other file stays as it is, whether it is committed or not.
    """
    require_finished(repository)
    require_clean_index(repository)
    ref = newest(repository)
    if not ref:
        raise Refused("There is no update to undo here.", next=("headstart status lists them",))
    _require_alone(repository, ref)
    touched = repository.differing(ref, "HEAD")
    require_clean_paths(repository, touched)
    gone = repository.differing("--diff-filter=A", ref, "HEAD")
    left = repository.head()
    began = repository.git("rev-parse", ref)
    state = UpdateState("", "", began, left, backup=ref, touched=tuple(sorted(touched)))
    update_state.save(repository, state)
    rescue = restore(repository, state)
    repository.git("update-ref", rescue, left)  # the same files, as the commits that they were
    update_state.clear_unverified(repository)
    folder = repository.prefix + revisions.VERSIONS
    undone = tuple(sorted(repository.path(path) for path in gone if path.startswith(folder)))
    return Returned(repository.head(), rescue, undone)


def is_alone(repository: Repository, ref: str) -> bool:
    """Whether only updates were committed since a backup."""
    return bool(ref) and not _commits_since(repository, ref)[1]


def _commits_since(repository: Repository, ref: str) -> tuple[list[str], list[str]]:
    """The commits since a backup, newest first: those of updates, and the others."""
    logged = repository.git("log", f"--format=%h %s%x00{BY_HEADSTART}", f"{ref}..HEAD")
    lines = [line.partition("\0") for line in logged.splitlines()]
    updates = [line for line, _, trailer in lines if trailer.strip()]
    return updates, [line for line, _, trailer in lines if not trailer.strip()]


def _require_alone(repository: Repository, ref: str) -> None:
    updates, others = _commits_since(repository, ref)
    if not others:
        return
    reverts = " && ".join(f"git revert {line.split()[0]}" for line in updates)
    raise Refused(
        "There are commits that came after the update.",
        why=tuple(others),
        next=(
            *((f"undo the update alone: {reverts}",) if reverts else ()),
            f"or go back without them: git reset --keep {ref}",
        ),
    )
