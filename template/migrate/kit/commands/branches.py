"""What brings two lines of revisions together: merge, rebase."""

from __future__ import annotations

from alembic import command as alembic_command

from migrate import branches, graph
from migrate.kit.commands import command, value
from migrate.project import Run


@command(value("base", "the branch whose revisions come first", "main"))
def rebase(run: Run) -> None:
    """Put your revisions on top of those of another branch, after `git merge` of it."""
    branches.rebase(run.arguments.base, run.report)


@command(value("-m", "what it says", "merge"))
def merge(run: Run) -> None:
    """Join two heads with a revision that does nothing, where shared databases have both."""
    tips = graph.heads(graph.read())
    if len(tips) < 2:  # noqa: PLR2004 - two make a pair
        run.report("nothing", f"there is one head, {', '.join(tips)}")
        return
    alembic_command.merge(run.config(), tips, run.arguments.m)
    run.report(
        "written", f"joined {', '.join(tips)}; migrate/HEAD: {(graph.read_head() or '').strip()}"
    )
