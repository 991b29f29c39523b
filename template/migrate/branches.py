"""What brings two lines of revisions together: one of them is put on top of the other."""

# Managed by the template: your own are env.py and versions/, and an update merges any other change.
from __future__ import annotations

import subprocess
from collections.abc import Collection, Sequence

from migrate import graph
from migrate.errors import MigrationUnsafe
from migrate.graph import Revision
from migrate.project import ROOT, Report


def rebase(base: str, report: Report) -> None:
    """Put your revisions on top of those of another branch, after `git merge` of it."""
    revisions = graph.read()
    if len(graph.heads(revisions)) > 1:
        first, parent = bottom_of_mine(revisions, files_of(base))
        first.path.write_text(graph.with_parent(first.path.read_text("utf-8"), parent), "utf-8")
        text = f"{first.path.name} builds on {parent} now"
        report("rebased", text, revision=first.id, parent=parent)
        report("hint", "where a shared database has yours already: alembic merge heads")
    graph.write_head()
    report("head", f"migrate/HEAD: {(graph.read_head() or '').strip()}")
    if found := graph.faults(graph.read(), graph.read_head()):
        raise MigrationUnsafe("\n".join(found))


def bottom_of_mine(revisions: Sequence[Revision], theirs: Collection[str]) -> tuple[Revision, str]:
    """Return my lowest revision that is not of the base, and the base's head."""
    by_id = {revision.id: revision for revision in revisions}
    tips = graph.heads(revisions)
    mine = [tip for tip in tips if by_id[tip].path.name not in theirs]
    base = [tip for tip in tips if tip not in mine]
    if len(mine) != 1 or len(base) != 1:
        raise MigrationUnsafe(
            f"which of the heads {', '.join(tips)} is yours cannot be told: name the branch that "
            "has the other, or join them: alembic merge heads"
        )
    first = by_id[mine[0]]
    while len(first.parents) == 1 and by_id[first.parents[0]].path.name not in theirs:
        first = by_id[first.parents[0]]
    if len(first.parents) > 1:
        raise MigrationUnsafe(f"{first.id} joins two lines already: alembic merge heads")
    return first, base[0]


def files_of(branch: str) -> set[str]:
    """Return the names of the revisions that a branch of git has; raises MigrationUnsafe."""
    listed = ["git", "ls-tree", "-r", "--name-only", branch, "migrate/versions"]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MigrationUnsafe(f"git does not know {branch}: {done.stderr.strip()}")
    return {line.rpartition("/")[2] for line in done.stdout.splitlines()}
