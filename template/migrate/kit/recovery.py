"""What can be done about a revision that is partly applied: decisions over what was executed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alembic.operations import ops
from alembic.operations.ops import MigrateOperation

from migrate import graph
from migrate.errors import MigrationUnsafe
from migrate.kit.dry_run import Step
from migrate.kit.journal_table import Entry
from migrate.kit.operations import Key, describe, key_of
from migrate.kit.statements import one_line

Function = ast.FunctionDef
COMPOUND = (ast.For, ast.While, ast.If, ast.With, ast.Try)


@dataclass(frozen=True)
class Undo:
    """What takes back what was executed, and what no operation can take back."""

    steps: Sequence[MigrateOperation]
    obstacles: Sequence[str]


def plan_undo(
    executed: Sequence[MigrateOperation],
    partly: Sequence[MigrateOperation],
    by_hand: Sequence[Entry],
    counterpart: Sequence[Step],
) -> Undo:
    """Return the operations of the counterpart that undo what was executed, and only those."""
    by_key = {key_of(operation): operation for operation in executed}
    steps = [step.operation for step in counterpart if key_of(step.operation) in by_key]
    undone = {key_of(step) for step in steps}
    obstacles = [f"only partly executed: {describe(operation)}" for operation in partly]
    obstacles += [f"cannot be taken back: {one_line(entry.statement)}" for entry in by_hand]
    for key, operation in reversed(by_key.items()):
        if isinstance(operation, ops.DropTableOp | ops.DropColumnOp):
            obstacles.append(f"its data is gone, and only in a backup: {describe(operation)}")
        if key in undone or _goes_with_its_table(key, by_key):
            continue
        if (reverse := _reverse(operation)) is not None:
            steps.append(reverse)
        else:
            obstacles.append(f"cannot be taken back: {describe(operation)}")
    return Undo(steps, obstacles)


def _goes_with_its_table(key: Key, executed: Iterable[Key]) -> bool:
    return key[0] in ("column", "index", "constraint", "alter") and any(
        other[0] == "table" and other[1:3] == key[1:3] for other in executed
    )


def _reverse(operation: MigrateOperation) -> MigrateOperation | None:
    """Return what undoes the operation, if it says enough of how it was before."""
    if isinstance(operation, ops.AlterColumnOp):
        return operation.reverse() if _says_what_was(operation) else None
    try:
        return operation.reverse()
    except (NotImplementedError, ValueError):
        return None


def _says_what_was(change: ops.AlterColumnOp) -> bool:
    return (
        change.modify_name is None
        and (change.modify_type is None or change.existing_type is not None)
        and (change.modify_nullable is None or change.existing_nullable is not None)
        and (change.modify_server_default is False or change.existing_server_default is not False)
    )


@dataclass(frozen=True)
class Parts:
    """The two files that a split makes of one."""

    executed: str
    rest: str


def split(
    source: str, entries: Sequence[Entry], stopped_at: int, undoes: Sequence[Step], new_id: str
) -> Parts:
    """Cut a revision before the statement that was not executed; raises MigrationUnsafe.

    `undoes` are the steps of downgrade() that undo what was executed. The rest keeps the id: every
    database that has the whole revision already needs nothing.
    """
    functions = {node.name: node for node in ast.parse(source).body if isinstance(node, Function)}
    up, down = functions["upgrade"], functions["downgrade"]
    body = _without_docstring(up)
    at = next(i for i, one in enumerate(body) if _holds(one, stopped_at))
    _require_clean_cut(body, at, entries)
    first, last = body[:at], body[at:]
    lines = {step.line for step in undoes}
    own = [one for one in _without_docstring(down) if any(_holds(one, line) for line in lines)]
    others = [one for one in _without_docstring(down) if one not in own]
    (old_id,) = re.findall(r"^revision\b[^=\n]*=\s*['\"]([^'\"]+)", source, re.MULTILINE)
    executed = _with_bodies(source, {"upgrade": first, "downgrade": own})
    rest = _with_bodies(source, {"upgrade": last, "downgrade": others})
    return Parts(_renamed(executed, "revision", old_id, new_id), graph.with_parent(rest, new_id))


def _require_clean_cut(body: Sequence[ast.stmt], at: int, entries: Sequence[Entry]) -> None:
    if any(_holds(body[at], entry.line) for entry in entries):
        raise MigrationUnsafe(
            f"the cut would lie inside what begins at line {body[at].lineno}: part of it was "
            "executed. `resume` goes on there."
        )
    if at == 0:
        raise MigrationUnsafe("nothing was executed yet: there is nothing to split off")
    made = {name.id for name in _names(body[:at]) if isinstance(name.ctx, ast.Store)}
    used = {name.id for name in _names(body[at:]) if isinstance(name.ctx, ast.Load)}
    if made & used:
        names = ", ".join(sorted(made & used))
        message = f"the rest uses {names} of the executed part. `resume` goes on there."
        raise MigrationUnsafe(message)


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
