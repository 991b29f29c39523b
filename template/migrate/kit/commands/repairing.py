"""What repairs a database in which a revision is partly applied: undo, split, resolve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

from migrate import guards
from migrate.errors import MigrationFailed, MigrationUnsafe
from migrate.kit import recovery, runner
from migrate.kit.commands import command, flag, value
from migrate.kit.commands.running import options_of
from migrate.kit.database import Database, look
from migrate.kit.dry_run import FUNCTIONS, capture
from migrate.kit.engine import make_engine
from migrate.kit.journal import Stop
from migrate.kit.journal_table import JOURNAL, Direction, Entry
from migrate.kit.operations import describe, key_of
from migrate.kit.runner import Work
from migrate.project import Run

OTHER: dict[Direction, Direction] = {"up": "down", "down": "up"}


@dataclass(frozen=True)
class Replayed:
    """What a revision has executed, by its own code."""

    executed: Sequence[MigrateOperation]
    partly: Sequence[MigrateOperation]
    stopped_at: int | None
    statements: int


@contextmanager
def working(run: Run) -> Iterator[tuple[Work, MigrationContext]]:
    """Be the only one that changes the database, with a context for operations."""
    options = options_of(run)
    engine = make_engine(run.url, options)
    with engine.connect() as connection:
        settings = guards.settings_of(connection)
        context = guards.adapted(MigrationContext.configure(connection, opts=settings))
        with runner.exclusively(engine, connection, options) as work:
            yield work, context


def replay(
    work: Work, context: MigrationContext, script: Script, direction: Direction, of: str
) -> Replayed:
    """Run the revision up to the first statement that was not executed, executing none."""
    journal = work.journal
    with context.begin_transaction(_per_migration=True), Operations.context(context):
        journal.begin(of, direction)
        journal.replaying = True
        try:
            getattr(script.module, FUNCTIONS[direction])()
        except Stop:
            journal.number -= 1
    journal.replaying, journal.revision = False, None
    done = [one for group in journal.executed if group.complete for one in group.operations]
    partly = [
        group for group in journal.executed if not group.complete and journal.number > group.before
    ]
    unfinished = [one for group in partly for one in group.operations]
    return Replayed(done, unfinished, journal.stopped_at, journal.number)


def partial_of(database: Database) -> tuple[str, Direction, list[Entry]]:
    """Return what is partly applied, and in which direction; raises MigrationUnsafe."""
    if not database.partial:
        raise MigrationUnsafe("nothing is partly applied: the journal is empty. `upgrade` goes on.")
    directions: list[Direction] = [entry.direction for entry in database.partial]
    begun: Direction = "up" if "up" in directions else "down"
    entries = [entry for entry in database.partial if entry.direction == begun]
    return entries[0].revision, begun, entries


@command(
    flag("--write", "do it; without this the plan is only shown"),
    flag("--accept", "go on although some of it cannot be taken back"),
)
def undo(run: Run) -> None:
    """Take back what was executed of the revision that is partly applied."""
    revision, direction, entries = partial_of(look(run.url))
    script = _script(run, revision)
    with working(run) as (work, context):
        replayed = replay(work, context, script, direction, revision)
        by_hand = [entry for entry in entries if not entry.operation]
        counterpart = capture(script.module, OTHER[direction], work.engine.dialect.name)
        planned = recovery.plan_undo(replayed.executed, replayed.partly, by_hand, counterpart)
        for step in planned.steps:
            run.report("planned", f"undo      {describe(step)}")
        for obstacle in planned.obstacles:
            run.report("obstacle", f"obstacle  {obstacle}")
        if not run.arguments.write:
            run.report("hint", "nothing was changed; `undo --write` does it")
            return
        if planned.obstacles and not run.arguments.accept:
            message = "see to the obstacles first, then add --accept; `resume` needs none of this"
            raise MigrationUnsafe(message)
        _undo(work, context, revision, planned.steps)
    run.report(
        "undone", f"{revision} is undone: nothing of it is in the database", revision=revision
    )


def _undo(
    work: Work, context: MigrationContext, revision: str, steps: Sequence[MigrateOperation]
) -> None:
    """Run the steps as a journaled revision of their own: whatever ends it, it goes on."""
    with context.begin_transaction(_per_migration=True):
        work.journal.begin(revision, "undo")
        operations = Operations(context)
        for step in steps:
            operations.invoke(step)
        guards.require_own_transaction(context, revision)
        guards.require_whole_foreign_keys(context, revision)
        work.journal.finish()


@command(
    flag("--write", "write the two files; without this they are only shown"),
    flag("--stamp", "let this database know of a split whose files are written"),
)
def split(run: Run) -> None:
    """Make what was executed of a revision one of its own; the rest keeps the id."""
    revision, direction, entries = partial_of(look(run.url))
    if direction != "up":
        raise MigrationUnsafe(
            f"{revision} is partly downgraded: `resume` or `undo`; only an upgrade can be split"
        )
    if run.arguments.stamp:
        _adopt_split(run, revision, entries)
        return
    script = _script(run, revision)
    with working(run) as (work, context):
        replayed = replay(work, context, script, "up", revision)
        counterpart = capture(script.module, "down", work.engine.dialect.name)
    if replayed.partly or replayed.stopped_at is None:
        message = "an operation is partly executed, or nothing is left: `resume` finishes it"
        raise MigrationUnsafe(message)
    keys = {key_of(operation) for operation in replayed.executed}
    undoes = [step for step in counterpart if key_of(step.operation) in keys]
    path, new_id = Path(script.path), _new_id(run, revision)
    parts = recovery.split(path.read_text("utf-8"), entries, replayed.stopped_at, undoes, new_id)
    other = path.with_name(f"{path.stem}_executed.py")
    run.report("planned", f"{other.name} (new, {new_id}):\n{parts.executed}", source=parts.executed)
    run.report("planned", f"{path.name} (keeps {revision}):\n{parts.rest}", source=parts.rest)
    if not run.arguments.write:
        run.report("hint", "nothing was written; `split --write` does it")
        return
    other.write_text(parts.executed, "utf-8")
    path.write_text(parts.rest, "utf-8")
    text = "written: read and commit both; then, where it was interrupted: split --stamp, upgrade"
    run.report("written", text, paths=[str(other), str(path)])


def _adopt_split(run: Run, revision: str, entries: Sequence[Entry]) -> None:
    """Stamp the executed part, if it is just what this database has executed."""
    script = _script(run, revision)
    part = _script(run, str(script.down_revision))
    with working(run) as (work, context):
        replayed = replay(work, context, part, "up", revision)
        if replayed.stopped_at is not None or replayed.statements != len(entries):
            message = f"{part.revision} is not what this database has executed of {revision}"
            raise MigrationUnsafe(message)
        with context.begin_transaction(_per_migration=True):
            forget = JOURNAL.delete().where(JOURNAL.c.revision == revision)
            work.connection.execute(forget)
            context.stamp(ScriptDirectory.from_config(run.config()), part.revision)
    run.report(
        "stamped", f"the database is at {part.revision}; `upgrade` goes on", revision=part.revision
    )


@command(
    value("revision", "the revision that is partly applied"),
    value("number", "the number of the statement, as `status` shows it"),
    flag("--done", "it was executed"),
    flag("--not-done", "it was not"),
)
def resolve(run: Run) -> None:
    """Say of a statement whether it was executed, when nothing else can tell."""
    arguments = run.arguments
    if arguments.done == arguments.not_done:
        raise MigrationUnsafe("say --done or --not-done")
    which = (JOURNAL.c.revision == arguments.revision) & (JOURNAL.c.number == int(arguments.number))
    change = JOURNAL.update().values(state="done") if arguments.done else JOURNAL.delete()
    with make_engine(run.url).begin() as connection:
        changed = connection.execute(change.where(which, JOURNAL.c.state == "started")).rowcount
    if not changed:
        raise MigrationFailed("there is no statement of that number whose outcome is unknown")
    run.report("resolved", f"{arguments.revision} #{arguments.number}: `upgrade` goes on")


def _script(run: Run, revision: str) -> Script:
    script = ScriptDirectory.from_config(run.config()).get_revision(revision)
    if script is None:
        message = f"there is no file of revision {revision}: go to the code that has it"
        raise MigrationUnsafe(message)
    return script


def _new_id(run: Run, revision: str) -> str:
    known = {
        script.revision for script in ScriptDirectory.from_config(run.config()).walk_revisions()
    }
    numbers = (f"{revision[:28]}_p{number}" for number in range(1, 100))
    return next(candidate for candidate in numbers if candidate not in known)
