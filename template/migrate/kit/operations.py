"""Alembic's operations in a few words, and by what they change."""

from __future__ import annotations

from alembic.operations import ops
from alembic.operations.ops import MigrateOperation

Key = tuple[object, ...]


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
