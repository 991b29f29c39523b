"""Alembic's commands, for this project's database: `python -m migrate COMMAND`.

Exit codes: 0 done · 1 failed · 2 wrong usage, or findings · 3 refused, because something would be
lost · 4 could not get the lock.
"""

# Managed by the template: your own are env.py and versions/, and an update merges any other change.
from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Collection, Sequence
from contextlib import nullcontext, redirect_stdout
from typing import Any

from sqlalchemy.exc import DBAPIError

from migrate import branches, graph, guards
from migrate.engine import make_engine, reading
from migrate.errors import Findings, MigrationFailed
from migrate.project import Report, Run


def main(argv: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else list(argv)
    if not words:
        print(__doc__, *(f"  {run.__name__:<10} {run.__doc__}" for run in COMMANDS), sep="\n")
        return 0
    arguments = _parser().parse_args(words)
    run = Run(arguments, Report(arguments.json))
    try:
        arguments.run(run)
    except MigrationFailed as error:
        run.report("error", str(error), exit_code=error.exit_code)
        return error.exit_code
    except DBAPIError as error:
        run.report("error", f"the database cannot do it: {error.orig}", exit_code=1)
        return 1
    return 0


def status(run: Run) -> None:
    """Show which version the database has, and which revisions are pending."""
    revisions, stored = graph.read(), _stored(run)
    heads = graph.heads(revisions)
    run.report("database", f"database  {_named(stored)}", versions=sorted(stored))
    run.report("head", f"head      {_named(heads)}", heads=heads)
    if unknown := sorted(stored - {one.id for one in revisions}):
        text = f"unknown   {_named(unknown)}: the database was migrated by other code than this"
        run.report("unknown", text, versions=unknown)
    applied = graph.below(revisions, stored)
    for one in graph.in_order(revisions).values():
        if one.id not in applied:
            run.report("pending", f"pending   {one.id}  {one.message}", revision=one.id)


def current(run: Run) -> None:
    """Show the version of the database as Alembic does."""
    _alembic(run, "current")


def upgrade(run: Run) -> None:
    """Bring the database to a revision (default: the newest)."""
    heads = graph.heads(graph.read())
    with reading(make_engine(run.url)) as connection:
        done = guards.versions(connection) == set(heads) and not guards.is_journaled(connection)
    if done and run.arguments.revision == "head":
        run.report("current", f"up to date: {_named(heads)}", versions=heads)
    else:
        _alembic(run, "upgrade", run.arguments.revision)


def downgrade(run: Run) -> None:
    """Bring the database back to an earlier revision."""
    _alembic(run, "downgrade", run.arguments.revision)


def stamp(run: Run) -> None:
    """Write down that the database is at a revision, without running anything."""
    _alembic(run, "stamp", run.arguments.revision)


def revision(run: Run) -> None:
    """Write what brings the database to the models, or an empty revision."""
    known = set(graph.VERSIONS.iterdir())
    _alembic(run, "revision", run.arguments.message, autogenerate=not run.arguments.empty)
    for path in sorted(set(graph.VERSIONS.glob("*.py")) - known):
        run.report("written", f"written: {path.name}; read it, then: make migrate", path=str(path))


def rebase(run: Run) -> None:
    """Put your revisions on top of those of another branch, after `git merge` of it."""
    branches.rebase(run.arguments.base, run.report)


def check(run: Run) -> None:
    """Find what is wrong with the revisions, without a database; with --db also drift."""
    revisions = graph.read()
    if found := graph.faults(revisions, graph.read_head()):
        raise Findings("\n".join(found))
    run.report("ok", f"{len(revisions)} revisions, head {_named(graph.heads(revisions))}")
    if run.arguments.db:
        guards.require_current(_stored(run), graph.heads(revisions))
        _alembic(run, "check")


# Each with what it is told beside --json and --database.
COMMANDS: dict[Any, dict[str, dict[str, Any]]] = {
    status: {},
    current: {},
    upgrade: {"revision": {"nargs": "?", "default": "head"}},
    downgrade: {"revision": {"help": "an id, -1 or base"}},
    stamp: {"revision": {"help": "an id, head or base"}},
    revision: {
        "-m": {"dest": "message", "required": True, "help": "what it does"},
        "--empty": {"action": "store_true", "help": "write it by hand: compare nothing"},
    },
    rebase: {"base": {"nargs": "?", "default": "main", "help": "whose revisions come first"}},
    check: {"--db": {"action": "store_true", "help": "compare the database with the models too"}},
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m migrate", description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for run, told in COMMANDS.items():
        command = subparsers.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        command.set_defaults(run=run)
        for name, options in told.items():
            command.add_argument(name, **options)
        command.add_argument("--json", action="store_true", help="tell each event as an object")
        command.add_argument("--database", metavar="URL", help="default: the project's own")
    return parser


def _alembic(run: Run, name: str, *words: str, **options: object) -> None:
    """Run one of Alembic's own commands; what it raises is told in words."""
    from alembic import command  # noqa: PLC0415 - a database that is up to date needs none
    from alembic.util import CommandError  # noqa: PLC0415

    try:
        # What it says at length of a revision, we say in one line.
        with redirect_stdout(io.StringIO()) if name == "revision" else nullcontext():
            getattr(command, name)(run.config(), *words, **options)
    except CommandError as error:
        raise MigrationFailed(str(error)) from error
    except DBAPIError as error:
        raise MigrationFailed(
            f"{name} failed: {error.orig}\nThe database is at {_named(_stored(run))}. Fix the "
            "cause, and run the same command again; MySQL keeps what came before in the revision."
        ) from error


def _stored(run: Run) -> set[str]:
    with reading(make_engine(run.url)) as connection:
        return guards.versions(connection)


def _named(versions: Collection[str]) -> str:
    return ", ".join(sorted(versions)) or "base"
