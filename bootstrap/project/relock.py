"""Making a project's locks anew with its own `make lock`, as a commit of their own.

It runs on a copy of what is committed, so that whatever ends it leaves no half of a lock behind.
"""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap import processes
from bootstrap.errors import HeadstartError
from bootstrap.processes import CommandResult
from bootstrap.project import git, history, locks, tampering
from bootstrap.project.locks import PackageChange
from bootstrap.project.repository import Repository, check_clear
from bootstrap.project.trees import Tree, Workbench, workbench
from bootstrap.project.underway import clear_locks

_REF = "refs/headstart/lock"  # the commit that is being taken over
# What a make hands on to one below it, which this is not: it would announce its folders, for one.
_OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")


@dataclass(frozen=True)
class Tools:
    """A project's own tools here: its environment, and the variables of its commands."""

    venv: Path
    environ: Mapping[str, str]

    @property
    def there(self) -> bool:
        """Whether there is an environment at all."""
        return (self.venv / "bin/python").exists()

    def run(self, *argv: str, cwd: Path, log: Path) -> CommandResult:
        """Run a command of the project to its end."""
        environ = {name: value for name, value in self.environ.items() if name not in _OF_MAKE}
        return processes.run(argv, environ=environ, cwd=cwd, log=log)


@dataclass(frozen=True)
class Relocked:
    """New locks: their commit, empty where nothing came out otherwise, and what differs."""

    commit: str
    changes: tuple[PackageChange, ...]


def relock(repository: Repository, tools: Tools, version: str, log: Path) -> Relocked:
    """Lock anew what is committed; raises HeadstartError where `make lock` fails."""
    head = repository.head()
    with workbench(repository) as bench:
        tree = bench.of_commit(head)
        paths = {repository.prefix + name for name in locks.GROUPS} & tree.keys()
        check_clear(repository, frozenset({*paths, f"{repository.prefix}pyproject.toml"}))
        made = _locked(bench, tools, log)
        before = {path: bench.read(tree[path].blob).decode() for path in paths}
        after = {path: made[path.removeprefix(repository.prefix)] for path in paths}
        told = _told(before, after)
        if before == after:
            return Relocked("", told)
        new: Tree = {**tree, **{path: bench.file(after[path], tree[path]) for path in paths}}
        who, _ = history.identity(repository.top)
        commit = bench.commit(bench.write(new), _message(version, told), head, who=who)
        bench.keep(commit, head)
    repository.git("update-ref", _REF, commit)
    finish(repository)
    return Relocked(commit, told)


def finish(repository: Repository) -> None:
    """Take over the locks that are ready; also those that an interrupted run has left so."""
    ready = git.call("rev-parse", "--verify", "--quiet", _REF, cwd=repository.top).out.strip()
    if not ready:
        return
    clear_locks(repository)
    if repository.git("rev-parse", f"{ready}^") == repository.head():
        words = ("diff", "--name-only", "--no-renames", "-z", f"{ready}^", ready)
        paths = repository.git(*words).rstrip("\0").split("\0")
        if not _edited(repository, ready, paths):
            repository.git("checkout", "--quiet", ready, "--", *paths)
            repository.git("update-ref", "-m", "headstart: lock", "HEAD", ready, f"{ready}^")
    repository.git("update-ref", "-d", _REF)


def _edited(repository: Repository, ready: str, paths: list[str]) -> bool:
    """Whether one of the files is neither as it was nor as it shall be."""
    for path in paths:
        held = git.call("hash-object", "--", path, cwd=repository.top).out.strip()
        known = {repository.git("rev-parse", f"{side}:{path}") for side in (f"{ready}^", ready)}
        if held not in known:
            return True
    return False


def _locked(bench: Workbench, tools: Tools, log: Path) -> Mapping[str, str]:
    """The locks that `make lock` makes of a copy of the project."""
    repository = bench.repository
    with tempfile.TemporaryDirectory(prefix="headstart-lock-") as folder:
        copy = Path(folder, "project")
        environ = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        repository.git("read-tree", f"HEAD:{repository.prefix}", environ=environ)
        words = ("checkout-index", "--all", f"--prefix={copy}{os.sep}")
        repository.git(*words, environ=environ)
        done = tools.run("make", "lock", f"VENV={tools.venv}", cwd=copy, log=log)
        if done.code:
            raise HeadstartError(
                "The project's own `make lock` failed.",
                why=done.tail(4),
                next=("make lock, then commit it",),
            )
        return {
            name: (copy / name).read_text(encoding="utf-8")
            for name in locks.GROUPS
            if (copy / name).is_file()
        }


def _told(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[PackageChange, ...]:
    """What differs in any of the locks, each package once."""
    found = {change for path in before for change in locks.changes(before[path], after[path])}
    return tuple(sorted(found))


def _message(version: str, changes: tuple[PackageChange, ...]) -> str:
    lines = "".join(f"{line(change)}\n" for change in changes)
    return f"Lock the packages\n\n{lines}\n{tampering.TRAILER}: {version}\n"


def line(change: PackageChange) -> str:
    """One package, in words."""
    if not change.before:
        return f"{change.name} {change.after} comes"
    if not change.after:
        return f"{change.name} {change.before} goes"
    return f"{change.name} {change.before} → {change.after}"
