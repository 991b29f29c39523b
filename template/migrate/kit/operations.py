"""Alembic's operations as they pass: watched while they run, or captured without running."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from alembic.operations import ops
from alembic.operations.base import AbstractOperations, BatchOperations
from alembic.operations.batch import BatchOperationsImpl
from alembic.operations.ops import MigrateOperation

Key = tuple[object, ...]


class Watcher(Protocol):
    """Who wants to know which operations a statement belongs to."""

    def within(self, group: list[MigrateOperation]) -> AbstractContextManager[None]:
        """Surround the statements of these operations, which are run as one."""


def describe(operation: MigrateOperation) -> str:
    """Return the operation in a few words: AddColumn users nick."""
    name = type(operation).__name__.removesuffix("Op")
    parts = [
        getattr(operation, part, None) for part in ("table_name", "source_table", "column_name")
    ]
    parts += [getattr(operation, part, None) for part in ("index_name", "constraint_name")]
    parts += [getattr(getattr(operation, "column", None), "name", None)]
    parts += [" ".join(str(getattr(operation, "sqltext", "")).split())[:80]]
    return " ".join([name, *(str(part) for part in parts if part)])


def key_of(operation: MigrateOperation) -> Key:  # noqa: PLR0911 - a table of cases
    """Return what the operation creates, changes or drops: what undoes it has the same key."""
    schema, table = getattr(operation, "schema", None), getattr(operation, "table_name", None)
    match operation:
        case ops.AddColumnOp():
            return ("column", schema, table, operation.column.name)
        case ops.DropColumnOp():
            return ("column", schema, table, operation.column_name)
        case ops.CreateTableOp() | ops.DropTableOp():
            return ("table", schema, table)
        case ops.CreateIndexOp() | ops.DropIndexOp():
            return ("index", schema, table, str(operation.index_name))
        case ops.AlterColumnOp():
            names = {operation.column_name, operation.modify_name or operation.column_name}
            return ("alter", schema, table, frozenset(names))
        case ops.RenameTableOp():
            return ("rename", schema, frozenset((table, operation.new_table_name)))
        case ops.DropConstraintOp():
            return ("constraint", schema, table, str(operation.constraint_name))
        case ops.AddConstraintOp():
            table = table or getattr(operation, "source_table", None)
            return ("constraint", schema, table, _name_of(operation))
    return ("other", id(operation))


def _name_of(operation: ops.AddConstraintOp) -> str:
    return str(getattr(operation, "constraint_name", None))


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tell `watcher` of every operation; those of a batch are one group, run at its end."""
    invoke, flush = AbstractOperations.invoke, BatchOperationsImpl.flush
    batches: dict[object, list[MigrateOperation]] = {}

    def told(self: AbstractOperations, operation: MigrateOperation) -> object:
        if isinstance(self, BatchOperations):
            batches.setdefault(self.impl, []).append(operation)
            return invoke(self, operation)
        with watcher.within([operation]):
            return invoke(self, operation)

    def flushed(self: BatchOperationsImpl) -> None:
        with watcher.within(batches.pop(self, [])):
            flush(self)

    with _replaced(told, flushed):
        yield


@contextmanager
def captured(receive: Callable[[MigrateOperation, bool], None]) -> Iterator[None]:
    """Give every operation to `receive`, and whether it is of a batch, instead of running it."""

    def taken(self: AbstractOperations, operation: MigrateOperation) -> object:
        receive(operation, isinstance(self, BatchOperations))
        return operation.to_table() if isinstance(operation, ops.CreateTableOp) else None

    with _replaced(taken, lambda _: None):
        yield


@contextmanager
def _replaced(
    invoke: Callable[[AbstractOperations, MigrateOperation], object],
    flush: Callable[[BatchOperationsImpl], None],
) -> Iterator[None]:
    hooks = ((AbstractOperations, "invoke", invoke), (BatchOperationsImpl, "flush", flush))
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in hooks]
    for owner, name, ours in hooks:
        setattr(owner, name, ours)
    try:
        yield
    finally:
        for owner, name, theirs in before:
            setattr(owner, name, theirs)
