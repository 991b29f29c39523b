"""Verify an update: its files, its revisions, its lock, and with the project's own tools.

The files are checked without running anything. The rest is `make check` and `make test`, in the
project's venv.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from bootstrap.errors import HeadstartError
from bootstrap.language import Said
from bootstrap.project import formatting, locks, relock, revisions
from bootstrap.project.baseline import Baseline, failures_in, new_failures
from bootstrap.project.broken_imports import Breaks, Merge, breaks
from bootstrap.project.merge import invalid, revision_texts
from bootstrap.project.relock import ProjectTools
from bootstrap.project.repository import locked
from bootstrap.project.trees import ScratchRepository
from bootstrap.revision import heads_of, parse_revision

MADE = ("make check", "make test")
PINS = "pins"  # the check that this machine can be brought to them
_TAIL = 20


class CheckEnding(StrEnum):
    """How a check ended; an open one was not asked for, or not possible here."""

    PASSED = "passed"
    FAILED = "failed"
    OPEN = "open"


@dataclass(frozen=True)
class Check:
    """One check: how it ended, in words, and the command that resolves it."""

    name: str
    ending: CheckEnding
    told: str
    details: tuple[str, ...] = ()
    next: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """All checks that were made; `interrupted` names the one that Ctrl-C ended."""

    checks: tuple[Check, ...]
    interrupted: str = ""

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.ending is CheckEnding.FAILED)

    @property
    def open(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.ending is CheckEnding.OPEN)

    @property
    def passed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.ending is CheckEnding.PASSED)

    @property
    def whole(self) -> bool:
        """Whether all of it passed, and the project's own checks and tests were among it."""
        names = {check.name for check in self.passed}
        return len(self.passed) == len(self.checks) and {*MADE} <= names

    @property
    def outcome(self) -> str:
        if self.interrupted:
            return "interrupted"
        if self.failed:
            return str(CheckEnding.FAILED)
        return str(CheckEnding.OPEN if self.open else CheckEnding.PASSED)


class Watcher(Protocol):
    """Follows the checks while they run."""

    def check_started(self, name: str) -> None: ...
    def check_done(self, check: Check) -> None: ...
    def check_stopped(self, name: str) -> None: ...


PlannedCheck = tuple[str, Callable[[], Check | None]]


def run(planned: Iterable[PlannedCheck], watcher: Watcher) -> Verdict:
    """Run the checks in order; stop if the machine cannot be brought to the pins."""
    checks: list[Check] = []
    name = ""
    try:
        for name, make_check in planned:
            watcher.check_started(name)
            check = make_check()
            if check is None:  # there is nothing of that kind here
                watcher.check_stopped(name)
                continue
            watcher.check_done(check)
            checks.append(check)
            if check.name == PINS and check.ending is CheckEnding.FAILED:
                break
    except KeyboardInterrupt:
        watcher.check_stopped(name)
        return Verdict(tuple(checks), interrupted=name)
    return Verdict(tuple(checks))


# -- what the files say ----------------------------------------------------------------------------


def files(scratch: ScratchRepository, since: str, theirs: str = "") -> Check | None:
    """Check that every file that differs since that commit is valid, and no import is broken by it.

    `theirs` is the commit with the template's side of the update, if that is known.
    """
    before, now = (scratch.project_files(commit) for commit in (since, "HEAD"))
    template = scratch.project_files(theirs) if theirs and scratch.has(theirs) else before
    changed = {path: each for path, each in now.items() if each != before.get(path)}
    was = invalid(scratch, {path: before[path] for path in changed.keys() & before.keys()})
    is_now = invalid(scratch, changed)
    imports = breaks(scratch, Merge(before, template, now))
    broken = tuple(f"{path}: {complaint}" for path, complaint in is_now.items() if path not in was)
    return judged_files(len(changed), broken, imports)


def judged_files(changed: int, broken: tuple[str, ...], imports: Breaks) -> Check:
    """The same, from what is wrong with them; what was broken before is told, and does not fail."""
    found = (*broken, *(f"{each.where}: {each.missing}: {each.words}" for each in imports.new))
    if found:
        whole = (
            Said("not every import leads somewhere")
            if imports.new
            else Said("not every file is valid")
        )
        return Check(
            "files", CheckEnding.FAILED, whole, found, Said("edit these files, and commit them")
        )
    older = tuple(
        Said("{where}: {missing}, as before the update", where=each.where, missing=each.missing)
        for each in imports.old
    )
    return Check(
        "files",
        CheckEnding.PASSED,
        Said("{changed} changed, each of them valid", changed=changed),
        older,
    )


def heads(scratch: ScratchRepository) -> Check | None:
    """Check that exactly one revision is the newest, and `migrate/HEAD` names it."""
    head = scratch.repository.prefix + revisions.HEAD
    tree = scratch.tree("HEAD")
    texts = revision_texts(scratch, tree)
    stated = scratch.texts(tree, [head]).get(head, "").strip()
    return judged_heads(texts, stated) if texts else None


def judged_heads(texts: dict[str, str], stated: str) -> Check:
    """The same, from texts by path, and the revision that `migrate/HEAD` names."""
    parsed = {path: parse_revision(text) for path, text in texts.items()}
    known = [revision for revision in parsed.values() if revision is not None]
    if len(known) < len(parsed):
        unread = tuple(path for path, each in parsed.items() if each is None)
        result = Said("not every revision can be read without running it")
        return Check("revisions", CheckEnding.OPEN, result, unread, "python -m migrate check")
    newest = heads_of(known)
    if len(newest) != 1:
        result = Said("{number} are the newest, and one must be", number=len(newest))
        join = "python -m alembic merge heads"
        return Check("revisions", CheckEnding.FAILED, result, newest, join)
    if stated and stated != newest[0]:
        result = Said(
            "migrate/HEAD says {stated}, and the newest is {newest}",
            stated=stated,
            newest=newest[0],
        )
        return Check("revisions", CheckEnding.FAILED, result, next="python -m migrate rebase")
    return Check(
        "revisions", CheckEnding.PASSED, Said("one line of them, up to {newest}", newest=newest[0])
    )


# -- the lock --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Locking:
    """What to lock again with, if it is necessary; the version goes into the commit."""

    tools: ProjectTools | None
    version: str
    log: Path


def lock(scratch: ScratchRepository, since: str, theirs: str, locking: Locking) -> Check | None:
    """Check that the locks have what the project asks for; else make them again."""
    repository = scratch.repository
    gaps = _gaps(scratch, since, theirs)
    if gaps is None:
        return _unmade(scratch, since)
    if not gaps:
        return Check("lock", CheckEnding.PASSED, Said("fits pyproject.toml"))
    unfit = Check("lock", CheckEnding.OPEN, Said("does not fit pyproject.toml"), gaps, "make lock")
    if locking.tools is None or not locking.tools.there:
        return unfit
    try:
        with locked(repository):
            made = relock.relock(repository, locking.tools, locking.version, locking.log)
    except HeadstartError as error:
        result = Said("does not fit pyproject.toml, and could not be locked again")
        return replace(unfit, told=result, details=(*gaps, error.what, *error.why))
    if left := _gaps(scratch, "HEAD"):
        return replace(unfit, told=Said("locked again, it still does not fit"), details=left)
    lines = tuple(relock.line(change) for change in made.changes)
    result = (
        Said("locked again as {commit}", commit=made.commit[:10])
        if made.commit
        else Said("locked again, nothing changed")
    )
    return Check("lock", CheckEnding.PASSED, result, lines)


def _unmade(scratch: ScratchRepository, since: str) -> Check | None:
    """Where the locks have gone with their tool, and the new one has made none yet."""
    if not locks.GROUPS.keys() & scratch.project_files(since).keys():
        return None
    return Check(
        "lock", CheckEnding.OPEN, Said("none is committed"), next=Said("make lock, then commit it")
    )


def _gaps(scratch: ScratchRepository, since: str, theirs: str = "") -> tuple[str, ...] | None:
    """What is wrong with the locks; None if there are none that can be understood.

    One that has come with the update was made for what the template asks for.
    """
    names = ("pyproject.toml", *locks.GROUPS)
    made_by = theirs if theirs and scratch.has(theirs) else since
    before, new, now = (
        scratch.texts(scratch.project_files(commit), names) for commit in (since, made_by, "HEAD")
    )
    asked, meant, asks = (texts.pop(names[0], "") for texts in (before, new, now))
    come = {name: new[name] for name in new.keys() - before.keys()}
    if not now or not asks:
        return None
    try:
        stale = outdated(asked, asks, before, now) + outdated(meant, asks, come, now)
        return unmet(asks, now) + stale
    except ValueError as error:
        return (f"pyproject.toml: {error}",)


def unmet(project: str, texts: dict[str, str]) -> tuple[str, ...]:
    """What the project asks for and a lock lacks."""
    return tuple(
        Said("{name} has no {wanted}", name=name, wanted=wanted)
        for name, text in texts.items()
        for wanted in locks.unmet(project, text, locks.GROUPS[name])
    )


def outdated(asked: str, asks: str, were: dict[str, str], texts: dict[str, str]) -> tuple[str, ...]:
    """The locks that stayed although the project asks for other packages, or other parts of them.

    A lock does not say for which extras, markers or Python it was made.
    """
    stayed = [
        name
        for name in texts
        if were.get(name) == texts[name]
        and locks.dependencies_edited(asked, asks, locks.GROUPS[name])
        and not locks.only_plain_added(asked, asks, locks.GROUPS[name])
    ]
    return tuple(Said("{name} was made for other dependencies", name=name) for name in stayed)


# -- what the project's tools say ------------------------------------------------------------------


def pins_met(bring_up: Callable[[], None]) -> Check:
    """Check that this machine can be brought to the pins."""
    try:
        bring_up()
    except HeadstartError as error:
        return Check(PINS, CheckEnding.FAILED, error.what, error.why, (*error.next, "")[0])
    return Check(PINS, CheckEnding.PASSED, Said("as pinned"))


def formatted(
    scratch: ScratchRepository, since: str, theirs: str, tools: ProjectTools, locking: Locking
) -> Check | None:
    """Format what was merged; None where there is nothing to format, or no formatter."""
    if not theirs or not scratch.has(theirs) or not tools.there:
        return None
    repository = scratch.repository
    with locked(repository):
        done = formatting.format_merged(
            repository, since, theirs, tools, locking.version, locking.log
        )
    if done is None:
        return None
    result = Said("merged files formatted as {commit}", commit=done.commit[:10])
    return Check("format", CheckEnding.PASSED, result, done.paths)


def not_run() -> Check:
    return Check(
        "make check, make test",
        CheckEnding.OPEN,
        Said("not run"),
        next="headstart update --verify",
    )


def made(
    target: str,
    project: Path,
    tools: ProjectTools,
    log: Path,
    before: Callable[[], Baseline | None] = lambda: None,
) -> Check:
    """Run the project's own `make TARGET`; `before` runs it on the project before the update."""
    command = f"make {target}"
    makefile = project / "Makefile"
    text = makefile.read_text(encoding="utf-8", errors="replace") if makefile.is_file() else ""
    if not re.search(rf"^{target}\s*:(?!=)", text, re.MULTILINE):
        return Check(
            command, CheckEnding.OPEN, Said("there is no `{command}` here", command=command)
        )
    done = tools.run("make", target, cwd=project, log=log)
    if done.code:
        details = (*done.tail(_TAIL), Said("all of it: {log}", log=log))
        check = Check(command, CheckEnding.FAILED, "failed", details, command, done.seconds)
        return told_apart(check, failures_in(done.output, project), before())
    last = ("passed", *done.tail(1))[-1].strip("= ")  # pytest frames it
    return Check(command, CheckEnding.PASSED, last, seconds=done.seconds)


def told_apart(check: Check, failures: tuple[str, ...], before: Baseline | None) -> Check:
    """A failed check, once it is known how it ended before the update.

    What failed before too is open: it is not the update's, and nobody knows what it hides.
    """
    if before is None:
        return check
    if not before.code:
        return replace(check, told=Said("failed; before the update it passed"))
    new = new_failures(failures, before)
    if not new:
        result = Said("failed before the update too, and nothing new failed")
        return replace(check, ending=CheckEnding.OPEN, told=result)
    old = len(failures) - len(new)
    result = Said(
        "failed, and not as before the update: {number} new, {old} known", number=len(new), old=old
    )
    return replace(check, told=result, details=(*new[:_TAIL], "", *check.details))
