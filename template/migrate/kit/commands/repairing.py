"""What repairs a database in which a revision is partly applied: undo, split, resolve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

from migrate import guards
from migrate.errors import MigrationFailed, MigrationUnsafe
from migrate.kit import journal_table, recovery, runner
from migrate.kit import undo as undoing
from migrate.kit.commands import command, flag, value
from migrate.kit.commands.running import options_of
from migrate.kit.database import look
from migrate.kit.engine import make_engine
from migrate.kit.journal import Stop
from migrate.kit.journal_table import JOURNAL, Entry
from migrate.kit.runner import Work
from migrate.project import Run

NOTHING = "nothing is partly applied: the journal is empty. `upgrade` goes on."


@contextmanager
def working(run: Run) -> Iterator[tuple[Work, MigrationContext, list[Entry]]]:
    """Be the only one that changes the database, which has a revision that is partly applied."""
    options = options_of(run)
    engine = make_engine(run.url, options)
    with engine.connect() as connection:
        settings = guards.settings_of(connection)
        context = guards.adapted(MigrationContext.configure(connection, opts=settings))
        with runner.exclusively(engine, connection, options) as work:
            entries = journal_table.entries(connection)
            connection.commit()
            if not entries:
                raise MigrationUnsafe(NOTHING)
            yield work, context, entries


@command(
    flag("--write", "do it; without this the plan is only shown"),
    flag("--accept", "go on although some of it cannot be taken back"),
)
def undo(run: Run) -> None:
    """Take back what was executed of the revision that is partly applied."""
    with working(run) as (work, _, entries):
        revision, kind = entries[0].revision, work.connection.dialect.name
        was, names = undoing.before(entries, kind)
        planned = undoing.plan(entries, was, work.journal.probe.look(names), kind)
        for statement in planned.statements:
            run.report("planned", f"undo      {statement}")
        for obstacle in planned.obstacles:
            run.report("obstacle", f"obstacle  {obstacle}")
        work.connection.rollback()
        if not run.arguments.write:
            run.report("hint", "nothing was changed; `undo --write` does it")
            return
        if planned.obstacles and not run.arguments.accept:
            message = "see to the obstacles first, then add --accept; `resume` needs none of this"
            raise MigrationUnsafe(message)
        _take_back(work, revision, planned.statements)
        left = undoing.differences(was, work.journal.probe.look(names))
        journal_table.forget_revision(work.connection, revision)
        work.connection.connection.commit()
    if left or planned.obstacles:
        text = f"{revision} is undone, but for {', '.join([*left, *planned.obstacles])}"
    else:
        text = f"{revision} is undone: nothing of it is in the database"
    run.report("undone", text, revision=revision, left=left)


def _take_back(work: Work, revision: str, statements: Sequence[str]) -> None:
    """Run the statements; whatever ends it, the next `undo` finds what is left to do."""
    begun = JOURNAL.update().where(JOURNAL.c.revision == revision).values(direction="undo")
    work.connection.execute(begun)
    if work.connection.dialect.name != "postgresql":
        work.connection.commit()
    for statement in statements:
        work.connection.exec_driver_sql(statement.replace("%", "%%"))


@command(
    flag("--write", "write the two files; without this they are only shown"),
    flag("--stamp", "let this database know of a split whose files are written"),
)
def split(run: Run) -> None:
    """Make what was executed of a revision one of its own; the rest keeps the id."""
    with working(run) as (work, context, entries):
        revision = entries[0].revision
        if entries[0].direction != "up":
            raise MigrationUnsafe(
                f"{revision} is not partly upgraded: only an upgrade can be split. `undo` works."
            )
        script = _script(run, revision)
        if run.arguments.stamp:
            _adopt_split(run, work, context, script)
            return
        source = Path(script.path).read_text("utf-8")
        executed = _executed_source(source, entries)
        stopped_at, lines = _replay(work, context, script, executed)
    if stopped_at is None:
        raise MigrationUnsafe(f"nothing of {revision} is left: `resume` finishes it")
    new_id = _new_id(run, revision)
    _write(run, script, new_id, recovery.split(executed, source, lines, stopped_at, new_id))


def _executed_source(source: str, entries: Sequence[Entry]) -> str:
    """Return the file as it was executed: as it is now, unless the journal has another."""
    return next((entry.statement for entry in entries if entry.number == 0), source)


def _write(run: Run, script: Script, new_id: str, parts: recovery.Parts) -> None:
    path, revision = Path(script.path), script.revision
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


def _replay(
    work: Work, context: MigrationContext, script: Script, source: str
) -> tuple[int | None, list[int]]:
    """Run the source to the first statement that was not executed, sending none.

    Returns the line where it stopped, None at its end, and the lines of what was executed.
    """
    module = ModuleType(script.revision)
    module.__dict__["__file__"] = script.path
    exec(compile(source, script.path, "exec"), module.__dict__)  # noqa: S102 - the revision's own
    # Both parts of a split are looked up as the one revision that the journal knows.
    module.__dict__["revision"] = work.journal.revision = script.revision
    work.journal.replaying = True
    guards.let_leave(context, work.journal)
    transaction = context.begin_transaction(_per_migration=True)
    with suppress(Stop), transaction, Operations.context(context):
        work.journal.run(script, True, module.upgrade)
    return work.journal.stopped_at, work.journal.lines


def _adopt_split(run: Run, work: Work, context: MigrationContext, script: Script) -> None:
    """Stamp the executed part, if it is just what this database has executed."""
    part = _script(run, str(script.down_revision))
    source = Path(part.path).read_text("utf-8")
    try:
        stopped_at, _ = _replay(work, context, script, source)
    except MigrationUnsafe as error:
        message = f"{part.revision} is not what this database has executed of {script.revision}"
        raise MigrationUnsafe(f"{message}: {error}") from error
    if stopped_at is not None:
        message = f"{part.revision} does more than this database has executed"
        raise MigrationUnsafe(f"{message} of {script.revision}: `undo` works")
    with context.begin_transaction(_per_migration=True):
        work.connection.execute(JOURNAL.delete().where(JOURNAL.c.revision == script.revision))
        context.stamp(ScriptDirectory.from_config(run.config()), part.revision)
    run.report(
        "stamped", f"the database is at {part.revision}; `upgrade` goes on", revision=part.revision
    )


@command(
    value("--done", "the number of a statement, as `status` shows it, that was executed"),
    value("--not-done", "the number of a statement that was not"),
    flag("--forget", "you have finished or taken back by hand what was partly applied"),
)
def resolve(run: Run) -> None:
    """Settle what a person knows of the revision that is partly applied."""
    told = run.arguments
    if sum(map(bool, (told.done, told.not_done, told.forget))) != 1:
        raise MigrationUnsafe("say one of: --done N, --not-done N, --forget")
    partial = look(run.url).partial
    if not partial:
        raise MigrationUnsafe(NOTHING)
    of_it = JOURNAL.c.revision == partial[0].revision
    if not told.forget:
        of_it &= JOURNAL.c.number == _number(told.done or told.not_done)
        of_it &= JOURNAL.c.state == "started"
    done = JOURNAL.update().values(state="done", output=journal_table.DONE)
    change = done.where(of_it) if told.done else JOURNAL.delete().where(of_it)
    with make_engine(run.url).begin() as connection:
        changed = connection.execute(change).rowcount
    if not changed:
        raise MigrationFailed("there is no statement of that number whose outcome is unknown")
    run.report("resolved", f"{partial[0].revision}: `python -m migrate upgrade` goes on")


def _number(text: str) -> int:
    if not text.isdigit():
        raise MigrationUnsafe(f"{text!r} is no number of a statement: `status` shows them")
    return int(text)


def _script(run: Run, revision: str) -> Script:
    script = ScriptDirectory.from_config(run.config()).get_revision(revision)
    if script is None:
        message = f"there is no file of revision {revision}: `undo` works without it"
        raise MigrationUnsafe(message)
    return script


def _new_id(run: Run, revision: str) -> str:
    known = {
        script.revision for script in ScriptDirectory.from_config(run.config()).walk_revisions()
    }
    numbers = (f"{revision[:28]}_p{number}" for number in range(1, 100))
    return next(candidate for candidate in numbers if candidate not in known)
