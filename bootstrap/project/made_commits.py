"""What updates have committed here, by parent and tree.

A commit with an update's trailer can hold more than the update: one that was amended, or squashed.
"""

from dataclasses import dataclass

from bootstrap.files import text_of, write_atomically
from bootstrap.project import git
from bootstrap.project.answers_file import ANSWERS
from bootstrap.project.repository import BY_HEADSTART, Repository
from bootstrap.project.update_state import UpdateState

_FILE = "made"
_KEPT = 200


def note(repository: Repository, parent: str, tree: str) -> None:
    """Note that an update commits this tree on top of that commit."""
    repository.notes.mkdir(exist_ok=True)
    lines = [*_lines(repository), f"{parent} {tree}"]
    kept = list(dict.fromkeys(lines))[-_KEPT:]
    write_atomically(repository.notes / _FILE, "".join(f"{line}\n" for line in kept), mode=0o666)


def note_finished(repository: Repository, state: UpdateState) -> None:
    """Note an update that git itself has finished, unless its commit holds more."""
    words = ("rev-parse", "HEAD^{tree}", "HEAD^")
    tree, _, parent = git.query(*words, cwd=repository.top).partition("\n")
    if parent == state.head and repository.differing(state.head, "HEAD") <= {*state.touched}:
        note(repository, parent, tree)


def has_happened(repository: Repository, state: UpdateState) -> bool:
    """Whether a commit since it began has the answers of the update.

    If not, git has aborted it, and what was committed since is somebody's own work.
    """
    name = repository.prefix + ANSWERS
    words = ("rev-parse", f"{state.head}:{name}", f"{state.merged}:{name}")
    old, _, new = git.query(*words, cwd=repository.top).partition("\n")
    if old == new:  # it changes no answers, or an older Headstart has begun it
        return True
    since = ("-1", "--format=%H", f"--find-object={new}", f"{state.head}..HEAD")
    return bool(repository.git("log", *since))


def trees(repository: Repository, parent: str) -> tuple[str, ...]:
    """The trees that updates have committed on top of a commit; an older Headstart noted none."""
    found = (line.partition(" ") for line in _lines(repository))
    return tuple(tree for commit, _, tree in found if commit == parent)


def added(repository: Repository, parent: str, tree: str) -> tuple[str, ...]:
    """What a tree holds beside what an update committed on top of `parent`."""
    noted = trees(repository, parent)
    known = noted and git.call("cat-file", "-e", noted[-1], cwd=repository.top).code == 0
    return tuple(sorted(repository.differing(noted[-1], tree))) if known else ()


@dataclass(frozen=True)
class CommitsSince:
    """The commits since a backup, newest first: those of updates, those that hold more, others."""

    updates: list[str]
    grown: dict[str, tuple[str, ...]]
    others: list[str]


def since(repository: Repository, ref: str) -> CommitsSince:
    """Sort the commits since a backup by what they hold."""
    shown = f"%h %s%x00%P%x00%T%x00{BY_HEADSTART}"
    logged = repository.git("log", f"--format={shown}", f"{ref}..HEAD")
    entries = [entry.split("\0") for entry in logged.split("\n") if entry]
    noted = {parent: trees(repository, parent) for _, parent, _, _ in entries}
    by_trailer = not any(noted.values())  # an older Headstart has made them
    found = CommitsSince([], {}, [])
    for line, parent, tree, trailer in entries:
        if tree in noted[parent] or (by_trailer and trailer.strip()):
            found.updates.append(line)
        elif trailer.strip():
            found.grown[line] = added(repository, parent, tree)
        else:
            found.others.append(line)
    return found


def _lines(repository: Repository) -> list[str]:
    return text_of(repository.notes / _FILE).splitlines()
