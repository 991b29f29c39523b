"""Splitting a revision that is partly applied: a decision over its source and what was executed."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migrate import graph
from migrate.errors import MigrationUnsafe

Function = ast.FunctionDef
ELSE = "`python -m migrate resume` goes on there, `undo` takes it back."


@dataclass(frozen=True)
class Parts:
    """The two files that a split makes of one."""

    executed: str
    rest: str


def split(source: str, now: str, lines: Sequence[int], stopped_at: int, new_id: str) -> Parts:
    """Cut a revision before the statement that was not executed; raises MigrationUnsafe.

    `source` is what was executed, `now` the file: what comes after the cut may have been edited.
    The rest keeps the id: every database that has the whole revision already needs nothing.
    """
    up, down = _functions(source)
    body = _without_docstring(up)
    at = next(i for i, one in enumerate(body) if _holds(one, stopped_at))
    _require_clean_cut(body, at, lines)
    first = body[:at]
    down_body = _without_docstring(down)
    names = _strings(first)
    own = [one for one in down_body if _strings([one]) <= names]
    executed = _with_bodies(source, {"upgrade": first, "downgrade": own})
    up_now, down_now = (_without_docstring(function) for function in _functions(now))
    # What is said twice is executed first, and undone last.
    kept = {
        "upgrade": _without(up_now, first),
        "downgrade": _without(down_now[::-1], own)[::-1],
    }
    (old_id,) = re.findall(r"^revision\b[^=\n]*=\s*['\"]([^'\"]+)", source, re.MULTILINE)
    rest = graph.with_parent(_with_bodies(now, kept), new_id)
    return Parts(_renamed(executed, "revision", old_id, new_id), rest)


def _without(body: Iterable[ast.stmt], gone: Iterable[ast.stmt]) -> list[ast.stmt]:
    """Return the statements but the first of each that is gone."""
    left = Counter(map(ast.dump, gone))
    kept = []
    for one in body:
        said = ast.dump(one)
        left[said] -= 1
        if left[said] < 0:
            kept.append(one)
    return kept


def _functions(source: str) -> tuple[Function, Function]:
    found = {node.name: node for node in ast.parse(source).body if isinstance(node, Function)}
    return found["upgrade"], found["downgrade"]


def _strings(statements: Iterable[ast.stmt]) -> set[str]:
    """Return the texts in statements: the names of what they make or drop."""
    nodes = [node for one in statements for node in ast.walk(one)]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and node.value}
    return {text for text in texts if isinstance(text, str) and text not in ("unique", "check")}


def _require_clean_cut(body: Sequence[ast.stmt], at: int, lines: Sequence[int]) -> None:
    if any(_holds(body[at], line) for line in lines):
        raise MigrationUnsafe(
            f"the cut would lie inside what begins at line {body[at].lineno}: part of it was "
            f"executed. {ELSE}"
        )
    if at == 0:
        raise MigrationUnsafe(f"nothing was executed yet: there is nothing to split off. {ELSE}")
    made = {name.id for name in _names(body[:at]) if isinstance(name.ctx, ast.Store)}
    used = {name.id for name in _names(body[at:]) if isinstance(name.ctx, ast.Load)}
    if made & used:
        names = ", ".join(sorted(made & used))
        raise MigrationUnsafe(f"the rest uses {names} of the executed part. {ELSE}")


def _names(statements: Iterable[ast.stmt]) -> Iterable[ast.Name]:
    return (node for one in statements for node in ast.walk(one) if isinstance(node, ast.Name))


def _holds(statement: ast.stmt, line: int) -> bool:
    return statement.lineno <= line <= (statement.end_lineno or statement.lineno)


def _without_docstring(function: Function) -> list[ast.stmt]:
    has_docstring = ast.get_docstring(function) is not None
    return function.body[1:] if has_docstring else list(function.body)


def _with_bodies(source: str, bodies: dict[str, list[ast.stmt]]) -> str:
    """Return the source with only these statements in its functions, and their comments."""
    lines = source.splitlines(keepends=True)
    functions = [node for node in ast.parse(source).body if isinstance(node, Function)]
    for function in reversed([one for one in functions if one.name in bodies]):
        kept = {statement.lineno for statement in bodies[function.name]}
        whole = _without_docstring(function)
        begin = function.body[0].end_lineno if whole != function.body else whole[0].lineno - 1
        new: list[str] = []
        above = begin or 0
        for statement in whole:
            end = statement.end_lineno or statement.lineno
            new += lines[above:end] if statement.lineno in kept else []
            above = end
        lines[begin : function.end_lineno] = new or ["    pass\n"]
    return "".join(lines)


def _renamed(source: str, name: str, old: str, new: str) -> str:
    pattern = rf"(?m)^({name}\b[^=\n]*=\s*)['\"]{re.escape(old)}['\"]"
    source = re.sub(pattern, lambda found: f'{found[1]}"{new}"', source, count=1)
    return source.replace(f"Revision ID: {old}", f"Revision ID: {new}", 1)
