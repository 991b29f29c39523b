"""Where updates began, kept as refs, and the way back there."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from bootstrap.errors import Refused
from bootstrap.project import due, git, revisions, rollback, tampering
from bootstrap.project.repository import Repository, require_clean_index, require_clean_paths
from bootstrap.project.underway import UpdateState, names, write

BACKUPS = "refs/headstart/backup"
KEPT = 10


@dataclass(frozen=True)
class Returned:
    """An update that was taken back: where the project is now, and the ref that has it still.

    `revisions` are the files of migrations that went with it.
    """

    head: str
    rescue: str
    revisions: tuple[str, ...]


def name(version: str, head: str) -> str:
    """The ref for an update that begins now, from that version and commit."""
    return f"{BACKUPS}/{datetime.now(UTC):%Y%m%d-%H%M%S}-{version}-{head[:8]}"


def listed(repository: Repository) -> tuple[str, ...]:
    """Where updates began, oldest first."""
    return tuple(repository.git("for-each-ref", "--format=%(refname)", BACKUPS).splitlines())


def began(ref: str) -> datetime:
    """When the update of a backup began, as its name says."""
    stamp = ref.removeprefix(f"{BACKUPS}/")[: len("20261122-204812")]
    return datetime.strptime(stamp, "%Y%m%d-%H%M%S").replace(tzinfo=UTC)


def prune(repository: Repository) -> None:
    """Keep the newest of those that lead back from here; what is elsewhere is not judged here."""
    for ref in _behind(repository)[:-KEPT]:
        repository.git("update-ref", "-d", ref)


def newest(repository: Repository) -> str:
    """Where the last update began that is still in what is checked out; empty where none is."""
    head = repository.head()
    left = [ref for ref in _behind(repository) if repository.git("rev-parse", ref) != head]
    return left[-1] if left else ""


def go_back(repository: Repository) -> Returned:
    """Take back the newest update, when nothing but updates was committed since it began.

    Every other file stays as it is, whether it is committed or not.
    """
    rollback.require_finished(repository)
    require_clean_index(repository)
    ref = newest(repository)
    if not ref:
        raise Refused(
            "There is no update to take back here.", next=("headstart status lists them",)
        )
    _check_alone(repository, ref)
    words = ("diff", "--name-only", "--no-renames", "-z")
    touched = names(repository.git(*words, ref, "HEAD"))
    require_clean_paths(repository, touched)
    gone = names(repository.git(*words, "--diff-filter=A", ref, "HEAD"))
    left = repository.head()
    started = UpdateState(
        *("", "", repository.git("rev-parse", ref), left),
        backup=ref,
        touched=tuple(sorted(touched)),
    )
    write(repository, started)
    rescue = rollback.restore(repository, started)
    repository.git("update-ref", rescue, left)  # the same files, as the commits that they were
    due.settle(repository)
    folder = repository.prefix + revisions.VERSIONS
    went = tuple(sorted(repository.path(path) for path in gone if path.startswith(folder)))
    return Returned(repository.head(), rescue, went)


def is_alone(repository: Repository, ref: str) -> bool:
    """Whether nothing but updates was committed since then."""
    return bool(ref) and not _since(repository, ref).others


class _Since(NamedTuple):
    """The commits since a backup, newest first: of updates, and of others."""

    updates: tuple[str, ...]
    others: tuple[str, ...]


def _since(repository: Repository, ref: str) -> _Since:
    form = f"--format=%h %s%x00%(trailers:key={tampering.TRAILER},valueonly,separator=%x20)"
    logged = repository.git("log", form, f"{ref}..HEAD").splitlines()
    told = [line.partition("\0") for line in logged]
    return _Since(
        updates=tuple(line for line, _, by_update in told if by_update.strip()),
        others=tuple(line for line, _, by_update in told if not by_update.strip()),
    )


def _check_alone(repository: Repository, ref: str) -> None:
    updates, others = _since(repository, ref)
    if not others:
        return
    reverts = [f"git revert {line.split()[0]}" for line in updates]
    raise Refused(
        "There are commits that came after the update.",
        why=others,
        next=(
            *(f"undo the update alone: {' && '.join(reverts)}" for _ in reverts[:1]),
            f"or go back without them: git reset --keep {ref}",
        ),
    )


def _behind(repository: Repository) -> tuple[str, ...]:
    """The refs that lead to what the commit here has come from, oldest first."""
    words = ("for-each-ref", "--merged", "HEAD", "--format=%(refname)", BACKUPS)
    done = git.call(*git.ISOLATED, *words, cwd=repository.top)
    return tuple(done.out.splitlines())
