"""Read and order the revisions in files of Alembic's, without importing them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class Revision:
    """A revision by its id, and the ids of those it comes after."""

    id: str
    parents: tuple[str, ...]


def parse_revision(source: str) -> Revision | None:
    """Parse a revision; None if its id is not a literal."""
    try:
        nodes = _assignments(ast.parse(source))
        assigned = {name: ast.literal_eval(value) for name, value in nodes}
    except (SyntaxError, ValueError):
        return None
    identity = assigned.get("revision")
    if not isinstance(identity, str):
        return None
    parents = assigned.get("down_revision")
    if isinstance(parents, str):
        return Revision(identity, (parents,))
    if isinstance(parents, (tuple, list)):
        return Revision(identity, tuple(str(parent) for parent in parents))
    return Revision(identity, ())


def with_value(source: str, name: str, literal: str) -> str | None:
    """Assign another literal to `revision` or `down_revision`; None if nothing is assigned to it.

    The lines of `source` must end with a newline alone.
    """
    values = dict(_assignments(ast.parse(source)))
    if name not in values or "\r" in source:
        return None
    value, content = values[name], source.encode()
    lines = content.split(b"\n")

    def offset(line: int | None, column: int | None) -> int:
        return sum(len(each) + 1 for each in lines[: (line or 1) - 1]) + (column or 0)

    start = offset(value.lineno, value.col_offset)
    end = offset(value.end_lineno, value.end_col_offset)
    return (content[:start] + literal.encode() + content[end:]).decode()


def _assignments(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in module.body:
        if isinstance(node, ast.AnnAssign):
            targets: list[ast.expr] = [node.target]
        elif isinstance(node, ast.Assign):
            targets = node.targets
        else:
            continue
        for target in targets:
            known = isinstance(target, ast.Name) and target.id in {"revision", "down_revision"}
            if known and node.value is not None:
                yield ast.unparse(target), node.value


def heads_of(revisions: Iterable[Revision]) -> tuple[str, ...]:
    """The ids of the newest revisions: no other comes after them."""
    known = tuple(revisions)
    parents = {parent for revision in known for parent in revision.parents}
    return tuple(sorted(each.id for each in known if each.id not in parents))
