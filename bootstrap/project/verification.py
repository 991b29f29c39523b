"""Whether an update is right: its files, its revisions, its lock, and what the project's tools say.

What can be seen in the files is seen without running anything. The rest is the project's own
`make check` and `make test`, in its own environment.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from bootstrap.errors import HeadstartError
from bootstrap.project import dependencies, locks, relock, revisions
from bootstrap.project.merge import invalid, revision_texts
from bootstrap.project.relock import Tools
from bootstrap.project.repository import Repository, locked
from bootstrap.project.trees import Tree, Workbench, workbench
from bootstrap.revision import heads_of, parse_revision

ENVIRONMENT = "environment"
_TAIL = 20


class Ending(StrEnum):
    """How a check ended; an open one could not be made here, or was not asked for."""

    PASSED = "passed"
    FAILED = "failed"
    OPEN = "open"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: how it ended, in words, and the command that settles it."""

    name: str
    ending: Ending
    told: str
    details: tuple[str, ...] = ()
    next: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """All checks that were made; `interrupted` is the name of the one that Ctrl-C has ended."""

    checks: tuple[Check, ...]
    interrupted: str = ""

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.ending is Ending.FAILED)

    @property
    def open(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.ending is Ending.OPEN)

    @property
    def outcome(self) -> str:
        if self.interrupted:
            return "interrupted"
        if self.failed:
            return str(Ending.FAILED)
        return str(Ending.OPEN if self.open else Ending.PASSED)


class Watcher(Protocol):
    """Who is told about the checks while they are made."""

    def check_started(self, name: str) -> None: ...
    def check_done(self, check: Check) -> None: ...
    def check_stopped(self, name: str) -> None: ...


Step = tuple[str, Callable[[], Check | None]]


def run(steps: Iterable[Step], watcher: Watcher) -> Verdict:
    """Make the checks in their order; without an environment there is nothing to go on with."""
    checks: list[Check] = []
    name = ENVIRONMENT
    try:
        for name, step in steps:
            watcher.check_started(name)
            check = step()
            if check is None:  # there is nothing of that kind here
                watcher.check_stopped(name)
                continue
            watcher.check_done(check)
            checks.append(check)
            if check.name == ENVIRONMENT and check.ending is Ending.FAILED:
                break
    except KeyboardInterrupt:
        watcher.check_stopped(name)
        return Verdict(tuple(checks), interrupted=name)
    return Verdict(tuple(checks))


# -- what the files tell ---------------------------------------------------------------------------


def files(repository: Repository, since: str) -> Check | None:
    """Whether every file that differs since that commit is still what its name says."""
    with workbench(repository) as bench:
        before, now = bench.of_commit(since), bench.of_commit("HEAD")
        mine = {path: each for path, each in now.items() if path.startswith(repository.prefix)}
        changed = {path: each for path, each in mine.items() if each != before.get(path)}
        was = invalid(bench, {path: before[path] for path in changed.keys() & before.keys()})
        is_now = invalid(bench, changed)
    broken = tuple(
        f"{repository.path(path)}: {said}" for path, said in is_now.items() if path not in was
    )
    if broken:
        return Check("files", Ending.FAILED, "not every file is valid", broken)
    return Check("files", Ending.PASSED, f"{len(changed)} changed, each of them valid")


def heads(repository: Repository) -> Check | None:
    """Whether exactly one revision is the newest, and `migrate/HEAD` names it."""
    with workbench(repository) as bench:
        tree = bench.of_commit("HEAD")
        (texts,) = revision_texts(bench, tree)
        stated = _text(bench, tree, revisions.HEAD).strip()
    return judged_heads(texts, stated) if texts else None


def judged_heads(texts: dict[str, str], stated: str) -> Check:
    """The same of texts by their paths, and what the project says is the newest."""
    read = [parse_revision(text) for text in texts.values()]
    known = [revision for revision in read if revision is not None]
    if len(known) < len(read):
        unread = tuple(path for path, each in zip(texts, read, strict=True) if each is None)
        words = "not every revision can be read without running it"
        return Check("revisions", Ending.OPEN, words, unread, "python -m migrate check")
    newest = heads_of(known)
    if len(newest) != 1:
        told = f"{len(newest)} are the newest, and one must be"
        return Check("revisions", Ending.FAILED, told, newest, "python -m migrate merge")
    if stated and stated != newest[0]:
        told = f"migrate/HEAD says {stated}, and the newest is {newest[0]}"
        return Check("revisions", Ending.FAILED, told, next="python -m migrate rebase")
    return Check("revisions", Ending.PASSED, f"one line of them, up to {newest[0]}")


def _text(bench: Workbench, tree: Tree, name: str) -> str:
    entry = tree.get(bench.repository.prefix + name)
    return bench.read(entry.blob).decode("utf-8", "replace") if entry else ""


# -- the lock --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Locking:
    """What a lock is made with, where it is to be made anew: for the commit, and for its log."""

    tools: Tools | None
    version: str
    log: Path


def lock(repository: Repository, since: str, locking: Locking) -> Check | None:
    """Whether the locks have what the project asks for; else they are made anew."""
    gaps = _gaps(repository, since)
    if gaps is None:
        return None
    if not gaps:
        return Check("lock", Ending.PASSED, "fits pyproject.toml")
    unfit = Check("lock", Ending.OPEN, "does not fit pyproject.toml", gaps, "make lock")
    if locking.tools is None or not locking.tools.there:
        return unfit
    try:
        with locked(repository):
            made = relock.relock(repository, locking.tools, locking.version, locking.log)
    except HeadstartError as error:
        told = "does not fit pyproject.toml, and could not be made anew"
        return replace(unfit, told=told, details=(*gaps, error.what, *error.why))
    if left := _gaps(repository, "HEAD"):
        return replace(unfit, told="made anew, it still does not fit", details=left)
    lines = tuple(relock.line(change) for change in made.changes)
    told = f"made anew as {made.commit[:10]}" if made.commit else "made anew, nothing differs"
    return Check("lock", Ending.PASSED, told, lines)


def _gaps(repository: Repository, since: str) -> tuple[str, ...] | None:
    """What is wrong with the locks; None where there are none that can be understood."""
    with workbench(repository) as bench:
        before, now = bench.of_commit(since), bench.of_commit("HEAD")
        names = [name for name in locks.GROUPS if repository.prefix + name in now]
        project = _text(bench, now, "pyproject.toml")
        if not names or not project:
            return None
        texts = {name: _text(bench, now, name) for name in names}
        were = {name: _text(bench, before, name) for name in names}
        asked = _text(bench, before, "pyproject.toml")
    try:
        return unmet(project, texts) + outdated(asked, project, were, texts)
    except ValueError as error:
        return (f"pyproject.toml: {error}",)


def unmet(project: str, texts: dict[str, str]) -> tuple[str, ...]:
    """What the project asks for and a lock lacks."""
    return tuple(
        f"{name} has no {wanted}"
        for name, text in texts.items()
        for wanted in locks.unmet(project, text, locks.GROUPS[name])
    )


def outdated(asked: str, asks: str, were: dict[str, str], texts: dict[str, str]) -> tuple[str, ...]:
    """The locks that stayed although the project asks for other packages, or other parts of them.

    Of an extra, a marker or another Python a lock does not tell whether it was made for it.
    """
    if not dependencies.edited(asked.encode(), asks.encode()):
        return ()
    stayed = [name for name in texts if were[name] == texts[name]]
    return tuple(f"{name} was made for other dependencies" for name in stayed)


# -- what the project's tools say ------------------------------------------------------------------


def environment(bring_up: Callable[[], None]) -> Check:
    """Whether this machine could be brought to the pins."""
    try:
        bring_up()
    except HeadstartError as error:
        return Check(ENVIRONMENT, Ending.FAILED, error.what, error.why, (*error.next, "")[0])
    return Check(ENVIRONMENT, Ending.PASSED, "as pinned")


def not_asked() -> Check:
    """That the project's tools were not asked."""
    return Check("make check, make test", Ending.OPEN, "not run", next="headstart update --verify")


def made(target: str, project: Path, tools: Tools, log: Path) -> Check:
    """How the project's own `make TARGET` ends."""
    command = f"make {target}"
    makefile = project / "Makefile"
    text = makefile.read_text(encoding="utf-8", errors="replace") if makefile.is_file() else ""
    if not re.search(rf"^{target}\s*:(?!=)", text, re.MULTILINE):
        return Check(command, Ending.OPEN, f"there is no `{command}` here")
    done = tools.run("make", target, cwd=project, log=log)
    if done.code:
        details = (*done.tail(_TAIL), f"all of it: {log}")
        return Check(command, Ending.FAILED, "failed", details, command, done.seconds)
    last = ("passed", *done.tail(1))[-1].strip("= ")  # pytest frames it
    return Check(command, Ending.PASSED, last, seconds=done.seconds)
