"""After an update: verify it with the project's own tools, and offer the way back.

Here the two halves meet: what the project half asks for, the machine half knows the tools of.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bootstrap.commands.options import form
from bootstrap.errors import ExitCode, HeadstartError

if TYPE_CHECKING:
    from bootstrap.project.relock import ProjectTools
    from bootstrap.project.repository import Repository
    from bootstrap.project.verification import PlannedCheck, Verdict
    from bootstrap.reports import Report


@dataclass(frozen=True)
class Wish:
    """How far to go: True all the way, False only what the files tell, None to ask at a terminal.

    Where nobody can be asked None is the files, and the locks, which are the project's too.
    """

    verify: bool | None
    as_json: bool


def conclude(
    repository: "Repository",
    version: str,
    wish: Wish,
    report: "Report",
    show: Callable[["Report"], None],
) -> None:
    """Show an update's report, verify the update, and say how that ended by the exit code."""
    from bootstrap import console
    from bootstrap.project import rollback, update_state
    from bootstrap.project.verification import run
    from bootstrap.reports import Report, aftermath

    if not wish.as_json:
        show(report)
    pending = update_state.pending_verification(repository)
    backup = rollback.newest(repository)
    steps = _steps(repository, version, pending.head if pending else backup or "HEAD", wish)
    verdict = run(steps, console.watcher(form(wish.as_json)))
    if not verdict.interrupted:
        update_state.clear_unverified(repository)
    backup = backup if rollback.is_alone(repository, backup) else ""
    if wish.as_json:
        told = {"verification": aftermath.verdict_document(verdict)}
        show(Report({**report.document, **told}, ()))
    else:
        console.show_report(Report({}, tuple(aftermath.verdict_lines(verdict, backup))), "text")
    _end(repository, verdict, wish, backup=backup)


def take_back(repository: "Repository", *, as_json: bool) -> None:
    """Take back the newest update."""
    from bootstrap import console
    from bootstrap.project import relock, rollback
    from bootstrap.project.repository import locked
    from bootstrap.reports import aftermath

    with locked(repository):
        relock.finish(repository)
        returned = rollback.go_back(repository)
    console.show_report(aftermath.of_returned(returned), form(as_json))


def _end(repository: "Repository", verdict: "Verdict", wish: Wish, *, backup: str) -> None:
    if verdict.interrupted:
        raise typer.Exit(ExitCode.INTERRUPTED)
    if not verdict.failed:
        return
    if backup and _at_terminal(wish) and _agrees("Take the update back?", otherwise=False):
        take_back(repository, as_json=False)
    raise typer.Exit(ExitCode.FAILED)


def _steps(
    repository: "Repository", version: str, since: str, wish: Wish
) -> Iterator["PlannedCheck"]:
    """The checks: first what costs nothing, and the tools where they are wanted and there."""
    from bootstrap.project import verification
    from bootstrap.project.verification import BRING_UP, Locking

    project = repository.top / repository.prefix
    log = _log(repository)
    tools = _tools(project)
    yield "files", lambda: verification.files(repository, since)
    yield "revisions", lambda: verification.heads(repository)
    all_the_way = tools is not None and _wanted(wish)
    up = _bring_up(project)
    up_for = ""
    if tools and all_the_way and not tools.there:  # the lock is made anew with what is in it
        up_for = repository.head()
        yield BRING_UP, lambda: verification.brought_up(up)
    locking = Locking(None if wish.verify is False else tools, version, log)
    yield "lock", lambda: verification.lock(repository, since, locking)
    if tools is None:
        if (project / "toolchain.yml").is_file():  # pins that cannot be read: this says why
            yield BRING_UP, lambda: verification.brought_up(up)
        return
    if not all_the_way:
        yield "make check, make test", verification.not_run
        return
    if up_for != repository.head():
        yield BRING_UP, lambda: verification.brought_up(up)
    yield "make check", lambda: verification.made("check", project, tools, log)
    yield "make test", lambda: verification.made("test", project, tools, log)


def _tools(project: Path) -> "ProjectTools | None":
    """The project's tools; None where no pins say which they are."""
    from bootstrap.machine import pins, runner
    from bootstrap.project.relock import ProjectTools

    try:
        pinned = pins.read(project)
    except HeadstartError:
        return None
    return ProjectTools(pinned.venv, runner.clean_environment(os.environ, pinned))


def _bring_up(project: Path) -> Callable[[], None]:
    """All that tests need: the database of the developer is not migrated before they pass."""

    def bring_up() -> None:
        from bootstrap import console
        from bootstrap.machine import apply
        from bootstrap.machine.steps.step import StepName

        options = apply.Options(until=StepName("services"))
        apply.bring_up(project, console.observer("text"), options)

    return bring_up


def _wanted(wish: Wish) -> bool:
    if wish.verify is not None:
        return wish.verify
    question = "Verify it: install what the lock has, make check, make test?"
    return _at_terminal(wish) and _agrees(question, otherwise=True)


def _at_terminal(wish: Wish) -> bool:
    return sys.stdin.isatty() and not wish.as_json


def _agrees(question: str, *, otherwise: bool) -> bool:
    from bootstrap import console

    return console.confirm(question, otherwise=otherwise)


def _log(repository: "Repository") -> Path:
    repository.notes.mkdir(exist_ok=True)
    log = repository.notes / "verify.log"
    log.write_bytes(b"")
    return log
