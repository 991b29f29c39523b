"""What only looks: status, current, check, lint, sql."""

from __future__ import annotations

from collections.abc import Sequence

from alembic import command as alembic_command
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import make_url

from migrate import branches, graph, guards
from migrate.engine import make_engine
from migrate.errors import Findings, MigrationFailed
from migrate.graph import Revision
from migrate.kit import autogenerate, backfill, ways
from migrate.kit.commands import command, flag, value
from migrate.kit.database import Database, look
from migrate.kit.lint import Finding
from migrate.kit.lint import findings as findings_in
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
    if others := autogenerate.unmanaged_tables(run.config()):
        text = f"others    {', '.join(others)}: no revision touches these tables"
        run.report("unmanaged", text, tables=others)
    _report_pending(run, database, ways.between(revisions, database.versions, heads))
    _report_backfills(run)
    _report_partial(run, database)


@command()
def current(run: Run) -> None:
    """Show the version of the database as Alembic does."""
    alembic_command.current(run.config())


def _report_pending(run: Run, database: Database, pending: Sequence[Revision]) -> None:
    scripts = ScriptDirectory.from_config(run.config())
    for revision in pending:
        found = sorted({one.code for one in _findings(scripts, revision, database.kind)})
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
    for entry in database.partial:
        text = f"  #{entry.number} {entry.state} (line {entry.line}) {one_line(entry.statement)}"
        run.report("statement", text, number=entry.number, state=entry.state, sql=entry.statement)
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


@command(
    value("revision", "which one", "head"),
    value("--since", "every revision that this branch of git does not have"),
    value("--dialect", "sqlite, postgresql or mysql (default: the project's own)"),
)
def lint(run: Run) -> None:
    """Tell what a revision does that locks, loses or surprises."""
    scripts = ScriptDirectory.from_config(run.config())
    dialect = run.arguments.dialect or make_url(run.url).get_backend_name()
    number = 0
    for revision in _linted(run):
        for one in _findings(scripts, revision, dialect):
            number += 1
            text = f"{revision.path.name}:{one.line}: {one.code} {one.text}"
            run.report("finding", text, revision=revision.id, code=one.code, line=one.line)
    if number:
        found = f"{number} finding{'s' if number > 1 else ''}"
        raise Findings(f"{found}. Waive one on its line: # migrate: allow M20 the reason")
    run.report("ok", "no findings")


def _findings(scripts: ScriptDirectory, revision: Revision, dialect: str) -> list[Finding]:
    module, source = scripts.get_revision(revision.id).module, revision.path.read_text("utf-8")
    return findings_in(module, source, dialect)


def _linted(run: Run) -> list[Revision]:
    revisions = graph.read()
    if run.arguments.since:
        known = branches.files_of(run.arguments.since)
        return [one for one in revisions if one.path.name not in known]
    wanted = ways.find(revisions, run.arguments.revision, ())
    return [one for one in revisions if one.id in wanted]


@command(value("revisions", "FROM:TO, or TO", "head"))
def sql(run: Run) -> None:
    """Print the SQL instead of running it."""
    try:
        alembic_command.upgrade(run.config(), run.arguments.revisions, sql=True)
    except CommandError as error:
        raise MigrationFailed(f"{error} (a batch on SQLite, say, can only be run)") from error
