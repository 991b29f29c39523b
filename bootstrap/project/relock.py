"""Make a project's locks again with its own `make lock`, in a commit of their own.

It runs on a copy of what is committed, so that an interruption leaves no half-written lock.
"""

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bootstrap import processes
from bootstrap.errors import HeadstartError
from bootstrap.language import Said
from bootstrap.processes import CommandResult
from bootstrap.project import commits, git, locks
from bootstrap.project.commits import CommitOptions
from bootstrap.project.locks import PackageChange
from bootstrap.project.repository import TRAILER, Repository, require_clean_paths
from bootstrap.project.trees import ScratchRepository, Tree, scratch_repository
from bootstrap.project.update_state import clear_locks, pending_verification

_REF = "refs/headstart/lock"  # the commit that is being taken over
# What a make hands on to one below it, which this is not: it would announce its folders, for one.
_OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")


@dataclass(frozen=True)
class ProjectTools:
    """A project's own tools: its venv, and the process environment of its commands."""

    venv: Path
    environ: Mapping[str, str]

    @property
    def there(self) -> bool:
        """Whether the venv exists."""
        return (self.venv / "bin/python").exists()

    def run(self, *argv: str, cwd: Path, log: Path) -> CommandResult:
        environ = {name: value for name, value in self.environ.items() if name not in _OF_MAKE}
        return processes.run(argv, environ=environ, cwd=cwd, log=log)


@dataclass(frozen=True)
class Relocked:
    """New locks: their commit (empty if nothing changed), and the changed packages."""

    commit: str
    changes: tuple[PackageChange, ...]


def relock(repository: Repository, tools: ProjectTools, version: str, log: Path) -> Relocked:
    """Lock what is committed again; raises HeadstartError if `make lock` fails."""
    head = repository.head()
    with scratch_repository(repository) as scratch:
        tree = scratch.tree(head)
        before = scratch.texts(tree, (repository.prefix + name for name in locks.GROUPS))
        require_clean_paths(repository, frozenset({*before, f"{repository.prefix}pyproject.toml"}))
        made = _locked(scratch, tools, log)
        after = {path: made[repository.path(path)] for path in before}
        changes = {each for path in before for each in locks.changes(before[path], after[path])}
        relocked = Relocked("", tuple(sorted(changes)))
        if before == after:
            return relocked
        new = {**tree, **{path: scratch.file(after[path], tree[path]) for path in before}}
        message = _message(version, relocked.changes)
        commit = commit_on_top(scratch, new, message, head)
    take_over(repository, commit)
    return replace(relocked, commit=commit)


def commit_on_top(scratch: ScratchRepository, files: Tree, message: str, head: str) -> str:
    """Commit files on top of what is checked out, which stays as it is; signed as the update is."""
    pending = pending_verification(scratch.repository)
    how = CommitOptions(sign=pending is None or pending.signed)
    commit = commits.commit_aside(scratch, scratch.write(files), message, head, how)
    scratch.keep(commit, known=head)
    return commit


def take_over(repository: Repository, commit: str) -> None:
    """Make a commit on top of what is checked out the new one; interrupted, `finish` goes on."""
    repository.git("update-ref", _REF, commit)
    finish(repository)


def finish(repository: Repository) -> None:
    """Take over finished locks, also those of an interrupted run."""
    ready = git.commit_id(_REF, repository.top) if repository.refs_at_most(_REF) else ""
    if not ready:
        return
    clear_locks(repository)
    if repository.git("rev-parse", f"{ready}^") == repository.head():
        paths = repository.differing(f"{ready}^", ready)
        if not _edited(repository, ready, paths):
            repository.git("checkout", "--quiet", ready, "--", *sorted(paths))
            repository.git("update-ref", "-m", "headstart: lock", "HEAD", ready, f"{ready}^")
    repository.git("update-ref", "-d", _REF)


def _edited(repository: Repository, ready: str, paths: Iterable[str]) -> bool:
    """Whether one of the files is neither in its old nor in its new state."""
    for path in paths:
        held = git.query("hash-object", "--", path, cwd=repository.top)
        known = {repository.git("rev-parse", f"{side}:{path}") for side in (f"{ready}^", ready)}
        if held not in known:
            return True
    return False


def _locked(scratch: ScratchRepository, tools: ProjectTools, log: Path) -> Mapping[str, str]:
    """Run `make lock` on a copy of the project; return the locks."""
    repository = scratch.repository
    with tempfile.TemporaryDirectory(prefix="headstart-lock-") as folder:
        copy = Path(folder, "project")
        environ = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        repository.git("read-tree", f"HEAD:{repository.prefix}", environ=environ)
        words = ("checkout-index", "--all", f"--prefix={copy}{os.sep}")
        repository.git(*git.VERBATIM, *words, environ=environ)
        done = tools.run("make", "lock", f"VENV={tools.venv}", cwd=copy, log=log)
        if done.code:
            raise HeadstartError(
                Said("The project's own `make lock` failed."),
                why=done.tail(4),
                next=(Said("make lock, then commit it"),),
            )
        return {
            name: (copy / name).read_text(encoding="utf-8")
            for name in locks.GROUPS
            if (copy / name).is_file()
        }


def _message(version: str, changes: tuple[PackageChange, ...]) -> str:
    lines = "".join(f"{line(change)}\n" for change in changes)
    return f"Lock the packages\n\n{lines}\n{TRAILER}: {version}\n"


def line(change: PackageChange) -> str:
    """Describe one change."""
    if not change.before:
        return f"{change.name} {change.after} comes"
    if not change.after:
        return f"{change.name} {change.before} goes"
    return f"{change.name} {change.before} → {change.after}"
