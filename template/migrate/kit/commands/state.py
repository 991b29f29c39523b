"""What only looks: status, current, check."""

from __future__ import annotations

from collections.abc import Sequence

from alembic import command as alembic_command
from alembic.util import CommandError

from migrate import graph, guards
from migrate.engine import make_engine
from migrate.errors import Findings
from migrate.graph import Revision
from migrate.kit import autogenerate, backfill, ways
from migrate.kit.commands import command, flag
from migrate.kit.database import Database, look
from migrate.kit.recorded import not_resumable
from migrate.kit.statements import one_line
from migrate.project import Run


@command()
def status(run: Run) -> None:
    """Show how the database stands: its version, what is pending, what is partly applied."""
    database, revisions = look(run.url), graph.read()
    heads = graph.heads(revisions)
    stored = sorted(database.versions)
    run.report("database", f"database  {', '.join(stored) or 'base'}", versions=stored)
    run.report("head", f"head      {', '.join(heads)}", heads=heads)
    if unknown := sorted(database.versions - {revision.id for revision in revisions}):
        text = f"unknown   {', '.join(unknown)}: the database was migrated by other code than this"
        run.report("unknown", text, versions=unknown)
    models = autogenerate.models_of(run.config())
    if others := autogenerate.unmanaged_tables(run.url, models):
        text = f"others    {', '.join(others)}: no revision touches these tables"
        run.report("unmanaged", text, tables=others)
    if unseen := autogenerate.unseen(models):
        what = ", ".join(f"{number} {name}" for name, number in unseen.items())
        text = f"unseen    {what}: `python -m migrate test` compares them, autogenerate does not"
        run.report("unseen", text, **unseen)
    _report_pending(run, database, ways.between(revisions, database.versions, heads))
    _report_backfills(run)
    _report_partial(run, database)


@command()
def current(run: Run) -> None:
    """Show the version of the database as Alembic does."""
    alembic_command.current(run.config())


def _report_pending(run: Run, database: Database, pending: Sequence[Revision]) -> None:
    if not pending:
        return
    # Only who has something to read pays.
    from migrate.kit import lint, offline  # noqa: PLC0415

    sources = offline.sources(run.url, pending, database.kind)
    linted = list(lint.Lint(database.kind).all_of(sources))
    for revision in pending:
        found = sorted({one.code for its, one in linted if its is revision})
        told = f" (lint: {', '.join(found)})" if found else ""
        text = f"pending   {revision.id}  {revision.message}{told}"
        run.report("pending", text, revision=revision.id, findings=found)


def _report_backfills(run: Run) -> None:
    if not (names := backfill.names()):
        return
    with make_engine(run.url).connect() as connection:
        for name in names:
            now = backfill.reached(connection, name)
            state = "done" if now.finished else "begun" if now.last_key else "not begun"
            text = f"backfill  {name}: {state}, {now.rows} rows"
            run.report("backfill", text, name=name, rows=now.rows, finished=now.finished)


def _report_partial(run: Run, database: Database) -> None:
    if not database.partial:
        return
    first = database.partial[0]
    what = {"up": "upgraded", "down": "downgraded", "undo": "undone"}[first.direction]
    text = f"partly {what}: {first.revision}. These statements were executed and stay:"
    run.report("partial", text, revision=first.revision, direction=first.direction)
    for entry in (one for one in database.partial if not one.is_read):
        text = f"  #{entry.number} {entry.state} (line {entry.line}) {one_line(entry.statement)}"
        run.report("statement", text, number=entry.number, state=entry.state, sql=entry.statement)
    for entry, why in ((one, not_resumable(one)) for one in database.partial):
        if why:
            text = f"not resumable: statement {entry.number} {why}; `undo` leads out"
            run.report("not_resumable", text, number=entry.number)
    choices = "resume goes on · undo takes them back · split makes them a revision of their own"
    run.report("choices", choices if first.direction == "up" else "the same command goes on")


@command(flag("--db", "compare the database with the models too"))
def check(run: Run) -> None:
    """Find what is wrong with the revisions, without a database; with --db also drift."""
    revisions = graph.read()
    found = graph.faults(revisions, graph.read_head())
    for fault in found:
        run.report("fault", fault)
    if found:
        raise Findings(f"{len(found)} fault{'s' if found[1:] else ''} in migrate/")
    run.report("ok", f"{len(revisions)} revisions, head {', '.join(graph.heads(revisions))}")
    if run.arguments.db:
        guards.require_current(look(run.url).versions, graph.heads(revisions))
        _compare(run)


def _compare(run: Run) -> None:
    try:
        alembic_command.check(run.config())
    except CommandError as error:
        raise Findings(str(error)) from error
