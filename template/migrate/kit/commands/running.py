"""What changes a database: upgrade, downgrade, resume, stamp."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from threading import Event

from sqlalchemy.exc import DBAPIError

from migrate import graph
from migrate.engine import make_engine, reading
from migrate.errors import MigrationFailed, MigrationUnsafe
from migrate.graph import Revision
from migrate.kit import ways
from migrate.kit.backup import backup
from migrate.kit.commands import command, flag, option, value
from migrate.kit.database import Database, look
from migrate.kit.engine import Options, Progress
from migrate.kit.journal_table import Entry
from migrate.kit.locks import retrying
from migrate.kit.pause import paused
from migrate.kit.statements import one_line
from migrate.project import Report, Run

WAITING = (
    flag("--yes", "go on where data will be lost"),
    flag("--backup", "copy the database before, whatever is done"),
    flag("--no-backup", "make no copy, even where data will be lost"),
    flag("--pause-workers", "let no job run meanwhile; they go on afterwards, whatever happens"),
    option("--drain-timeout", 60.0, "seconds to wait for the jobs that run"),
    option("--lock-timeout", 2.0, "seconds to wait for a lock before trying again later"),
    option("--statement-timeout", 0.0, "seconds that a statement may take; 0 is no limit"),
    option("--lock-wait", 600.0, "seconds to wait for another migration of this database"),
    option("--retries", 10, "how often to try again for a lock"),
    flag("--online-only", "MySQL: refuse to change a table in a way that anybody would wait for"),
)


@dataclass(frozen=True)
class Plan:
    """What will be done, shown before it is."""

    direction: str
    target: str
    steps: Sequence[Revision]
    partial: Sequence[Entry]

    def show(self, report: Report) -> None:
        """Tell it."""
        for step in self.steps:
            report("planned", f"{self.direction}  {step.id}  {step.message}", revision=step.id)
        if self.partial:
            first = self.partial[0]
            what = f"{first.revision} goes on after statement {self.partial[-1].number}"
            report("resumes", what, revision=first.revision, statements=len(self.partial))


def plan(database: Database, revisions: Sequence[Revision], direction: str, target: str) -> Plan:
    """Return what brings the database there; raises MigrationUnsafe where that is not one thing."""
    try:
        goal = ways.find(revisions, target, database.versions)
    except ValueError as error:
        raise MigrationUnsafe(str(error)) from error
    if direction == "upgrade":
        steps = ways.between(revisions, database.versions, goal)
    else:
        steps = ways.between(revisions, goal, database.versions)[::-1]
    if direction == "upgrade" and len(goal) > 1:
        message = f"there are {len(goal)} heads, {', '.join(goal)}: `rebase` yours first"
        raise MigrationUnsafe(message)
    return Plan(direction, goal[0] if goal else "base", steps, database.partial)


@command(
    value("revision", "up to which revision", "head"),
    flag("--dry-run", "only show the plan"),
    lambda parser: parser.add_argument(
        "--accept",
        action="append",
        default=os.environ.get("MIGRATE_ACCEPT", "").split(),
        metavar="CODE",
        help="a finding of lint, M22 say, or all (repeat for more; also: MIGRATE_ACCEPT)",
    ),
    *WAITING,
)
def upgrade(run: Run) -> None:
    """Bring the database to a revision, going on where an earlier run has ended."""
    _migrate(run, "upgrade", run.arguments.revision)


@command(
    value("revision", "down to which revision: an id, -1, base"),
    flag("--dry-run", "only show the plan"),
    *WAITING,
)
def downgrade(run: Run) -> None:
    """Bring the database back to an earlier revision."""
    _migrate(run, "downgrade", run.arguments.revision)


@command(*WAITING)
def resume(run: Run) -> None:
    """Finish the revision that is partly applied, and no other."""
    database = look(run.url)
    if not database.partial:
        run.report("nothing", "nothing is partly applied; `upgrade` goes on")
        return
    begun = database.partial[0]
    if begun.direction == "undo":
        raise MigrationUnsafe(f"{begun.revision} is being undone: `undo --write` goes on with that")
    if begun.direction == "up":
        _migrate(run, "upgrade", begun.revision)
        return
    parents = [one.parents for one in graph.read() if one.id == begun.revision]
    _migrate(run, "downgrade", parents[0][0] if parents and parents[0] else "base")


def _migrate(run: Run, direction: str, target: str) -> None:
    database = look(run.url)
    planned = plan(database, graph.read(), direction, target)
    if not planned.steps:
        _nothing_to_do(run.report, database)
        return
    planned.show(run.report)
    if getattr(run.arguments, "dry_run", False):
        return
    begun = time.monotonic()
    _prepare(run, database, planned)
    pausing = run.arguments.pause_workers and bool(database.versions)
    jobs = paused(run.url, run.arguments.drain_timeout, _waiting(run))
    with jobs if pausing else nullcontext(Event()) as lost:
        execute(run, planned, lost)
    report_done(run, planned, time.monotonic() - begun)


def _waiting(run: Run) -> Callable[[str], None]:
    return lambda text: run.report("waiting", text)


def _prepare(run: Run, database: Database, planned: Plan) -> None:
    """Refuse to lose data unasked, and copy the database before it does."""
    # Only who has something to do pays.
    from migrate.kit import offline, safety  # noqa: PLC0415

    sources = offline.sources(run.url, planned.steps, database.kind)
    with reading(make_engine(run.url)) as connection:
        found = safety.losses(connection, planned.direction, sources)
        for loss in found:
            parts = {"table": loss.table, "column": loss.column, "rows": loss.rows}
            run.report("loss", f"loses  {loss}", **parts)
        unasked = [loss for loss in found if loss.rows and not loss.waived]
        if unasked and not run.arguments.yes:
            text = "this loses the data above. Nothing was changed; --yes does it, after a backup."
            raise MigrationUnsafe(text)
        if planned.direction == "upgrade" and database.versions:
            accepted = getattr(run.arguments, "accept", ["all"])
            safety.require_harmless(connection, sources, accepted)
        safety.require_backfills(connection, sources)
    loses = any(loss.rows for loss in found)
    if run.arguments.backup or (loses and not run.arguments.no_backup):
        file = backup(run.url, "-".join(sorted(database.versions)) or "base")
        run.report("backup", f"backup: {file}", path=str(file))


def _nothing_to_do(report: Report, database: Database) -> None:
    if database.partial:
        first = database.partial[0]
        raise MigrationUnsafe(
            f"{first.revision} is partly applied: `python -m migrate status` shows what can be done"
        )
    stored = sorted(database.versions)
    report("current", f"up to date: {', '.join(stored) or 'base'}", versions=stored)


def execute(run: Run, planned: Plan, stopped: Event) -> None:
    """Run the plan's revisions by Alembic, with retries; explain a failure."""
    # Only who has something to do pays.
    from alembic import command as alembic_command  # noqa: PLC0415

    work: dict[str, Callable[..., None]] = {
        "upgrade": alembic_command.upgrade,
        "downgrade": alembic_command.downgrade,
    }
    config = run.config(options=replace(options_of(run), stopped=stopped))
    try:
        retrying(
            lambda: work[planned.direction](config, planned.target),
            run.url,
            run.arguments.retries,
            _waiting(run),
        )
    except MigrationFailed:
        raise
    except Exception as error:
        raise explained(error, look(run.url), planned) from error


def options_of(run: Run) -> Options:
    """Return how to wait, as the command was told, and tell every statement."""
    known = vars(run.arguments)
    told = {name: known[name] for name in Options.__dataclass_fields__ if name in known}
    return Options(**told, tell=_teller(run.report))


def _teller(report: Report) -> Callable[[Progress], None]:
    def tell(progress: Progress) -> None:
        where = f"{progress.revision} #{progress.number}"
        report(
            "statement",
            f"  [{where}] {progress.action}: {one_line(progress.detail)}",
            revision=progress.revision,
            number=progress.number,
            action=progress.action,
            sql=progress.detail,
        )

    return tell


def explained(error: Exception, now: Database, planned: Plan) -> MigrationFailed:
    """Say which case a failure is: nothing happened, or something stays and how to go on."""
    cause = str(error.orig) if isinstance(error, DBAPIError) else f"{type(error).__name__}: {error}"
    if not now.partial:
        left = [
            step
            for step in planned.steps
            if (step.id in now.versions) is (planned.direction == "downgrade")
        ]
        which = left[0].id if left else "the revision"
        message = (
            f"{which} failed: {cause}\nNothing of it stays in the database, which is at "
            f"{', '.join(sorted(now.versions)) or 'base'}. Fix the cause, and run the same command "
            "again."
        )
        return MigrationFailed(message)
    done = [entry for entry in now.partial if entry.state == "done"]
    which, stay = now.partial[0].revision, len([entry for entry in done if not entry.is_read])
    message = (
        f"{which} failed at statement {max(entry.number for entry in done) + 1}: {cause}\n"
        f"{stay} of those before it were executed and stay. Fix the cause; then either\n"
        f"  python -m migrate resume    go on there (what comes after may be edited)\n"
        f"  python -m migrate undo      take back what was executed, and begin again\n"
        f"  python -m migrate split     make what was executed a revision of its own"
    )
    return MigrationFailed(message)


def report_done(run: Run, planned: Plan, seconds: float) -> None:
    """Believe the database, not the run: read its version again."""
    now = look(run.url)
    stored = sorted(now.versions)
    text = f"done in {seconds:.1f} s: the database is at {', '.join(stored) or 'base'}"
    run.report(
        "done", text, versions=stored, seconds=round(seconds, 2), revisions=len(planned.steps)
    )


@command(
    value("revision", "the revision to write down"), flag("--yes", "the schema is really that")
)
def stamp(run: Run) -> None:
    """Write down that the database is at a revision, without running anything."""
    from alembic import command as alembic_command  # noqa: PLC0415

    database = look(run.url)
    goal = plan(database, graph.read(), "stamp", run.arguments.revision).target
    stored = ", ".join(sorted(database.versions)) or "base"
    if not run.arguments.yes:
        raise MigrationUnsafe(
            f"the database says {stored}, and would say {goal} without being changed. When its "
            "schema is really that, add --yes."
        )
    alembic_command.stamp(run.config(), goal)
    run.report("stamped", f"{stored} → {goal}", before=stored, after=goal)
