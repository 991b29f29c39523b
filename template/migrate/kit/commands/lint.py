"""`lint`: what pending revisions would lock, lose or surprise with."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import make_url

from migrate import branches, graph
from migrate.errors import Findings, MigrationFailed, MigrationUnsafe
from migrate.graph import Revision
from migrate.kit import ways
from migrate.kit.commands import command, value
from migrate.kit.database import look
from migrate.kit.lint import Lint
from migrate.kit.offline import sources
from migrate.project import Run


@command(
    value("revision", "one revision (default: those that the database does not have)", ""),
    value("--since", "every revision that this branch of git does not have"),
    value("--dialect", "sqlite, postgresql or mysql (default: the project's own)"),
)
def lint(run: Run) -> None:
    """Tell what revisions do that locks, loses or surprises."""
    dialect = run.arguments.dialect or make_url(run.url).get_backend_name()
    number, revisions = 0, _wanted(run)
    for revision, one in Lint(dialect).all_of(sources(run.url, revisions, dialect)):
        number += 1
        text = f"{revision.path.name}:{one.line}: {one.code} {one.text}"
        run.report("finding", text, revision=revision.id, code=one.code, line=one.line)
    if number:
        found = f"{number} finding{'s' if number > 1 else ''}"
        raise Findings(f"{found}. Waive one on its line: # migrate: allow M20 the reason")
    run.report("ok", f"no findings in {len(revisions)} revisions", revisions=len(revisions))


def _wanted(run: Run) -> Sequence[Revision]:
    revisions = list(graph.in_order(graph.read()).values())
    if name := run.arguments.revision:
        try:
            wanted = ways.find(revisions, name, ())
        except ValueError as error:
            raise MigrationFailed(str(error)) from error
        return [one for one in revisions if one.id in wanted]
    if run.arguments.since:
        return _not_of(revisions, run.arguments.since)
    try:
        return ways.between(revisions, look(run.url).versions, graph.heads(revisions))
    except MigrationFailed:
        text = "the database does not answer: read is what git's main does not have"
        run.report("unreachable", text)
    try:
        return _not_of(revisions, "main")
    except MigrationUnsafe:
        return revisions  # a checkout of one commit: every table is new to them


def _not_of(revisions: Sequence[Revision], branch: str) -> Sequence[Revision]:
    known = branches.files_of(branch)
    return [one for one in revisions if one.path.name not in known]
