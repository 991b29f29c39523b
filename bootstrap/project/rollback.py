"""Taking an update back: every file that it touched, as it was before.

Nothing is thrown away: what those files held at that moment becomes a commit under `RESCUES`.
"""

from datetime import UTC, datetime
from pathlib import Path

from bootstrap.errors import Refused
from bootstrap.project.repository import Repository
from bootstrap.project.trees import HEADSTART_IDENTITY
from bootstrap.project.underway import (
    Stage,
    UpdateState,
    begun,
    clear_locks,
    forget,
    names,
    stage,
    unfinished_here,
)

RESCUES = "refs/headstart/rescue"


def abort(repository: Repository) -> str:
    """Bring back every file that the update touched, as it was before.

    What those files held is kept: the ref of a commit with it, empty where they held nothing new.
    """
    unfinished = unfinished_here(repository)
    if stage(repository, unfinished) is Stage.DONE:
        forget(repository)
        raise Refused(
            "The update is finished already.",
            next=("to go back to what was before: headstart update --rollback",),
        )
    return restore(repository, unfinished)


def require_finished(repository: Repository) -> None:
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
    """Clear what an interrupted update has left, where `require_finished` finds it is none."""
    if begun(repository):
        clear_locks(repository)
        forget(repository)


def restore(repository: Repository, unfinished: UpdateState) -> str:
    clear_locks(repository)
    rescue = _rescue(repository, unfinished)
    touched = _touched(repository, unfinished)
    listed = repository.git("ls-tree", "-r", "-z", "--name-only", "--full-tree", unfinished.head)
    known = names(listed)
    repository.git("cherry-pick", "--quit")
    repository.git("reset", "--mixed", "--quiet", unfinished.head)
    for path in touched - known:
        _remove(repository.top, path)
    back = "".join(f"{path}\0" for path in sorted(touched & known))
    repository.git("checkout-index", "--force", "--index", "-z", "--stdin", given=back)
    forget(repository)
    return rescue


def _touched(repository: Repository, unfinished: UpdateState) -> frozenset[str]:
    words = ("diff", "--cached", "--name-only", "--no-renames", "-z", unfinished.head)
    return frozenset(unfinished.touched) | names(repository.git(*words))


def _rescue(repository: Repository, unfinished: UpdateState) -> str:
    """Keep what the touched files hold now, which may be half of a person's work."""
    tree = _rescued_tree(repository, unfinished)
    if not tree:
        return ""
    message = "What the files held when an update was taken back"
    words = ("commit-tree", "--no-gpg-sign", tree, "-p", unfinished.head, "-m", message)
    ref = f"{RESCUES}/{datetime.now(UTC):%Y%m%d-%H%M%S}"
    repository.git("update-ref", ref, repository.git(*HEADSTART_IDENTITY, *words))
    return ref


def _rescued_tree(repository: Repository, unfinished: UpdateState) -> str:
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


def _remove(top: Path, path: str) -> None:
    """Remove a file that the update brought, and the folders that are empty without it."""
    (top / path).unlink(missing_ok=True)
    for folder in (top / path).parents:
        if folder == top or not folder.is_dir() or any(folder.iterdir()):
            return
        folder.rmdir()
