"""What brings two lines of revisions together: merge, rebase."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Sequence

from alembic import command as alembic_command

from migrate import graph
from migrate.errors import MigrationUnsafe
from migrate.graph import Revision
from migrate.kit.commands import command, value
from migrate.kit.drafting import new_id
from migrate.kit.recovery import with_parent
from migrate.project import ROOT, Run, alembic_config


@command(value("base", "the branch whose revisions come first", "main"))
def rebase(run: Run) -> None:
    """Put your revisions on top of those of another branch, after `git merge` of it."""
    revisions = graph.read()
    if len(graph.heads(revisions)) > 1:
        first, parent = bottom_of_mine(revisions, files_of(run.arguments.base))
        first.path.write_text(with_parent(first.path.read_text("utf-8"), parent), "utf-8")
        text = f"{first.path.name} builds on {parent} now"
        run.report("rebased", text, revision=first.id, parent=parent)
        run.report("hint", "where a shared database has yours already, use `merge` instead")
    graph.write_head()
    run.report("head", f"migrate/HEAD: {(graph.read_head() or '').strip()}")
    if found := graph.faults(graph.read(), graph.read_head()):
        raise MigrationUnsafe("\n".join(found))


def bottom_of_mine(revisions: Sequence[Revision], theirs: Collection[str]) -> tuple[Revision, str]:
    """Return my lowest revision that is not of the base, and the base's head."""
    by_id = {revision.id: revision for revision in revisions}
    tips = graph.heads(revisions)
    mine = [tip for tip in tips if by_id[tip].path.name not in theirs]
    base = [tip for tip in tips if tip not in mine]
    if len(mine) != 1 or len(base) != 1:
        message = (
            f"which of the heads {', '.join(tips)} is yours cannot be told: name the branch that "
            "has the other, or use `merge`"
        )
        raise MigrationUnsafe(message)
    first = by_id[mine[0]]
    while len(first.parents) == 1 and by_id[first.parents[0]].path.name not in theirs:
        first = by_id[first.parents[0]]
    if len(first.parents) > 1:
        message = f"{first.id} joins two lines already: use `merge`"
        raise MigrationUnsafe(message)
    return first, base[0]


def files_of(branch: str) -> set[str]:
    """Return the names of the revisions that a branch of git has; raises MigrationUnsafe."""
    listed = ["git", "ls-tree", "-r", "--name-only", branch, "migrate/versions"]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"git does not know {branch}: {done.stderr.strip()}"
        raise MigrationUnsafe(message)
    return {line.rpartition("/")[2] for line in done.stdout.splitlines()}


@command(value("-m", "what it says", "merge"))
def merge(run: Run) -> None:
    """Join two heads with a revision that does nothing, where shared databases have both."""
    tips = graph.heads(graph.read())
    if len(tips) < 2:  # noqa: PLR2004 - two make a pair
        run.report("nothing", f"there is one head, {', '.join(tips)}")
        return
    alembic_command.merge(alembic_config(run.url), tips, run.arguments.m, rev_id=new_id())
    run.report(
        "written", f"joined {', '.join(tips)}; migrate/HEAD: {(graph.read_head() or '').strip()}"
    )
