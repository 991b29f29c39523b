"""The graph of revisions, read from their files: no database, no import of what they say.

The file `migrate/HEAD` names the newest one. Two branches that each add a revision both change that
line, so that git stops at it. Alembic writes it after every new revision, by `alembic.ini`.
"""

# Managed by the template: your own are env.py and versions/, and an update merges any other change.
from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate.errors import Findings

VERSIONS = Path(__file__).parent / "versions"
HEAD = Path(__file__).parent / "HEAD"
LONGEST_ID = 32


@dataclass(frozen=True)
class Revision:
    """One file of `migrate/versions`."""

    id: str
    parents: tuple[str, ...]
    message: str
    path: Path


class Unreadable(Findings):
    """A file says not in literals which revision it is."""


def read(folder: Path = VERSIONS) -> list[Revision]:
    """Read every revision, in the order of the files' names; raises Unreadable."""
    return [read_one(path) for path in sorted(folder.glob("*.py"))]


def read_one(path: Path) -> Revision:
    try:
        tree = ast.parse(path.read_text("utf-8"))
        values = _literals(tree)
        parents = *_names(values["down_revision"]), *_names(values.get("depends_on"))
        message = (ast.get_docstring(tree) or "").partition("\n")[0]
        return Revision(str(values["revision"]), parents, message, path)
    except (KeyError, SyntaxError, TypeError, ValueError) as error:
        what = f"has no {error}" if isinstance(error, KeyError) else f"is unreadable: {error}"
        raise Unreadable(f"{path.name} {what}") from error


def _literals(tree: ast.Module) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {name.id for name in targets if isinstance(name, ast.Name)}
            for name in names & {"revision", "down_revision", "depends_on"}:
                found[name] = ast.literal_eval(node.value)
    return found


def _names(value: str | Sequence[str] | None) -> Sequence[str]:
    return [value] if isinstance(value, str) else list(value or ())


def heads(revisions: Collection[Revision]) -> list[str]:
    """Return the revisions that no other builds on."""
    below = {parent for revision in revisions for parent in revision.parents}
    return sorted(revision.id for revision in revisions if revision.id not in below)


def faults(revisions: Sequence[Revision], head: str | None) -> list[str]:
    """Return everything that is wrong with the graph, `head` being what the file HEAD says."""
    found = list(_faults_of_ids(revisions))
    known = {revision.id for revision in revisions}
    found += [
        f"{revision.path.name} builds on {parent}, which is in no file"
        for revision in revisions
        for parent in revision.parents
        if parent not in known
    ]
    if cycle := known - set(in_order(revisions)):
        found.append(f"these revisions build on each other in a circle: {', '.join(sorted(cycle))}")
    found += _faults_of_heads(heads(revisions), head)
    return found


def _faults_of_ids(revisions: Sequence[Revision]) -> Iterable[str]:
    by_id: dict[str, Path] = {}
    for revision in revisions:
        if other := by_id.get(revision.id):
            yield f"{other.name} and {revision.path.name} both say that they are {revision.id}"
        if len(revision.id) > LONGEST_ID:
            yield f"{revision.path.name}: the id is longer than {LONGEST_ID}, the version's column"
        by_id[revision.id] = revision.path


def _faults_of_heads(tips: Sequence[str], head: str | None) -> Iterable[str]:
    if len(tips) > 1:
        yield (
            f"there are {len(tips)} heads, {', '.join(tips)}: `python -m migrate rebase` puts "
            "yours on top; `alembic merge heads` joins two that shared databases have already"
        )
    elif head is None:
        yield "migrate/HEAD is missing: `python -m migrate rebase` writes it"
    elif "<<<<<<<" in head:
        yield "migrate/HEAD has a conflict of git: `python -m migrate rebase` settles it"
    elif tips and head.strip() != tips[0]:
        yield f"migrate/HEAD says {head.strip() or 'nothing'}, but the head is {tips[0]}"


def below(revisions: Collection[Revision], tips: Iterable[str]) -> set[str]:
    """Return the tips and everything that they build on."""
    by_id = {revision.id: revision for revision in revisions}
    found: set[str] = set()
    todo = list(tips)
    while todo:
        one = todo.pop()
        if one in by_id and one not in found:
            found.add(one)
            todo += by_id[one].parents
    return found


def in_order(revisions: Collection[Revision]) -> Mapping[str, Revision]:
    """Return the revisions with parents before children; those in a circle are left out."""
    done: dict[str, Revision] = {}
    left = {revision.id: revision for revision in revisions}
    while ready := [r for r in left.values() if not set(r.parents) & left.keys()]:
        for revision in ready:
            done[revision.id] = left.pop(revision.id)
    return done


def read_head() -> str | None:
    return HEAD.read_text("utf-8") if HEAD.exists() else None


def write_head() -> None:
    """Let the file HEAD name the head, if there is one."""
    if len(tips := heads(read())) == 1:
        HEAD.write_text(f"{tips[0]}\n", "utf-8")


def with_parent(source: str, parent: str) -> str:
    """Return a revision's source that builds on another parent."""
    pattern = r"(?m)^(down_revision\b[^=\n]*=\s*)(\([^)]*\)|[^\n]*)"
    source = re.sub(pattern, lambda found: f'{found[1]}"{parent}"', source, count=1)
    return re.sub(r"^Revises:.*$", f"Revises: {parent}", source, count=1, flags=re.MULTILINE)


if __name__ == "__main__":
    write_head()
