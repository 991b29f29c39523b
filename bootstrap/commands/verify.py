"""After an update: verify it with the project's own tools, and offer the way back.

Here the two halves meet: the project half says what is checked, the machine half has the tools.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.errors import HeadstartError
from bootstrap.files import text_of
from bootstrap.show.report import Report

if TYPE_CHECKING:
    from bootstrap.project.relock import ProjectTools
    from bootstrap.project.repository import Repository
    from bootstrap.project.trees import ScratchRepository
    from bootstrap.project.verification import PlannedCheck

_DEFAULT_DATABASE = re.compile(r'^ +database_url: str = "([^"]+)"', re.MULTILINE)


class VerifyMode(Enum):
    """How an update is verified: with the project's tools, by its files alone, or as answered.

    Where nobody can be asked, ASK checks the files and renews the locks, which are the project's.
    """

    FULL = True
    FILES = False
    ASK = None


def finish_update(
    repository: "Repository", version: str, mode: VerifyMode, report: Report
) -> Iterator[Report]:
    """Verify an update, and offer the way back if that fails; `report` is what it has done."""
    from bootstrap.project import update_state
    from bootstrap.project.rollback import is_alone, newest
    from bootstrap.project.trees import scratch_repository
    from bootstrap.project.verification import run
    from bootstrap.show.progress import confirm, watcher
    from bootstrap.show.verification import verified

    pending = update_state.pending_verification(repository)
    backup = newest(repository)
    since = pending.head if pending else backup or "HEAD"
    theirs = pending.theirs if pending else ""
    with scratch_repository(repository) as scratch:
        verdict = run(_steps(scratch, version, since, theirs, mode), watcher())
    if not verdict.interrupted:
        update_state.clear_unverified(repository)
    backup = backup if is_alone(repository, backup) else ""
    yield verified(verdict, backup, report.document or {})
    failed = verdict.failed and not verdict.interrupted
    if failed and backup and confirm("Undo the update?", default=False):
        yield rollback(repository)


def rollback(repository: "Repository") -> Report:
    """Undo the newest update."""
    from bootstrap.project import relock
    from bootstrap.project.repository import locked
    from bootstrap.project.rollback import go_back
    from bootstrap.show.verification import rolled_back

    with locked(repository):
        relock.finish(repository)
        return rolled_back(go_back(repository))


def applied_revisions(project: Path) -> frozenset[str] | None:
    """The revisions that the project's database is at, as its own migrations say; None: no telling.

    Where the settings lead to a file that does not exist, there is no database here.
    """
    from bootstrap.processes import probe

    if _is_database_missing(project):
        return frozenset()
    tools = project_tools(project)
    if tools is None or not tools.there:
        return None
    argv = [str(tools.venv / "bin/python"), "-m", "migrate", "status", "--json"]
    done = probe(argv, environ=tools.environ, cwd=project)
    if done.code != 0:
        return None
    events = [json.loads(line) for line in done.output.splitlines() if line.startswith("{")]
    return next(
        (frozenset(each["versions"]) for each in events if each.get("event") == "database"), None
    )


def _is_database_missing(project: Path) -> bool:
    """Whether the project's settings lead to a SQLite file that is not there.

    They take the process environment, then .env, then their default. What an .env says may be put
    together of other variables, so only the project itself is asked about it.
    """
    from bootstrap.machine.facts.migrations import DATABASE_URL, sqlite_path

    if (project / ".env").is_file():
        return False
    stated = {name.upper(): value for name, value in os.environ.items()}
    default = _DEFAULT_DATABASE.search(text_of(project / "app/settings.py"))
    url = stated.get(DATABASE_URL) or (default[1] if default else "")
    file = sqlite_path(url, project)
    return file is not None and not file.exists()


def _steps(
    scratch: "ScratchRepository", version: str, since: str, theirs: str, mode: VerifyMode
) -> Iterator["PlannedCheck"]:
    """The checks: first the cheap ones, and the project's tools where they are wanted and there."""
    from bootstrap.project import verification
    from bootstrap.project.baseline import measured
    from bootstrap.project.verification import PINS, Locking

    repository = scratch.repository
    project = repository.top / repository.prefix
    log = _log(repository)
    tools = project_tools(project)
    yield "files", lambda: verification.files(scratch, since, theirs)
    yield "revisions", lambda: verification.heads(scratch)
    full = tools is not None and _is_full(mode)
    meet_pins = (PINS, partial(verification.pins_met, _bring_up(project)))
    met_for = ""
    if tools and full and not tools.there:  # the lock is renewed with what is in it
        met_for = repository.head()
        yield meet_pins
    locking = Locking(None if mode is VerifyMode.FILES else tools, version, log)
    yield "lock", lambda: verification.lock(scratch, since, theirs, locking)
    if tools is None:
        if (project / "toolchain.yml").is_file():  # unreadable pins: this says why
            yield meet_pins
        return
    if not full:
        yield "make check, make test", verification.not_run
        return
    if met_for != repository.head():
        yield meet_pins
    yield "format", lambda: verification.formatted(scratch, since, theirs, tools, locking)
    for target in ("check", "test"):
        before = partial(measured, repository, since, target, tools, log)
        run_it = partial(verification.made, target, project, tools, log, before)
        yield f"make {target}", run_it


def project_tools(project: Path) -> "ProjectTools | None":
    """The project's tools; None where no pins say which they are."""
    from bootstrap.machine import pins, runner
    from bootstrap.machine.installers import tools
    from bootstrap.project.relock import ProjectTools

    try:
        pinned = pins.read(project)
    except HeadstartError:
        return None
    environ = runner.clean_environment(os.environ, pinned)
    found = tools.on_path(environ, pinned.installer, pinned.installer_version)
    return ProjectTools(pinned.venv, found)


def _bring_up(project: Path) -> Callable[[], None]:
    """All that tests need: the developer's database is not migrated before they pass."""

    def bring_up() -> None:
        from bootstrap.machine import apply
        from bootstrap.machine.steps.step import StepName
        from bootstrap.show.progress import people_observer

        options = apply.Options(until=StepName("services"))
        apply.bring_up(project, people_observer(), options)

    return bring_up


def _is_full(mode: VerifyMode) -> bool:
    from bootstrap.show.progress import confirm

    question = "Verify it: install what is locked, make check, make test?"
    return mode is VerifyMode.FULL or (mode is VerifyMode.ASK and confirm(question, default=True))


def _log(repository: "Repository") -> Path:
    repository.notes.mkdir(exist_ok=True)
    log = repository.notes / "verify.log"
    log.write_bytes(b"")
    return log
