"""Renames that autogenerate cannot see: it finds something that goes, and something that comes.

Whether that is one thing with another name is asked, never guessed: a person says so at the
terminal, or by `--rename`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from alembic.autogenerate import renderers
from alembic.operations import ops
from alembic.operations.ops import MigrateOperation
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, MetaData, inspect

from migrate.errors import MigrationUnsafe
from migrate.kit.statements import OWN_TABLES

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


@dataclass(frozen=True)
class Choices:
    """What whoever asked for the revision has said of it already."""

    renames: frozenset[str] = frozenset()
    allow_drop: bool = False
    together: bool = False


def settle(upgrade: ops.UpgradeOps, context: MigrationContext, choices: Choices) -> None:
    """Put renames where they are what was meant; raises MigrationUnsafe where nobody says."""
    if choices.allow_drop:
        return
    _settle_tables(upgrade, context, choices)
    for table in [one for one in upgrade.ops if isinstance(one, ops.ModifyTableOps)]:
        for dropped, added in list(probable_renames(table.ops)):
            names = f"{table.table_name}.{dropped.column_name}={added.column.name}"
            if _was_renamed(names, "a column of its type comes", choices):
                table.ops[table.ops.index(dropped)] = renamed(table.table_name, dropped, added)
                table.ops.remove(added)


def probable_renames(
    changes: Iterable[MigrateOperation],
) -> Iterator[tuple[ops.DropColumnOp, ops.AddColumnOp]]:
    """Yield each column that goes, with one of the same type that comes in its table."""
    every = list(changes)
    added = [one for one in every if isinstance(one, ops.AddColumnOp)]
    for dropped in [one for one in every if isinstance(one, ops.DropColumnOp)]:
        kind = dropped.to_column().type._type_affinity  # noqa: SLF001 - what it is on any database
        same = [one for one in added if one.column.type._type_affinity is kind]  # noqa: SLF001
        if same:
            added.remove(same[0])
            yield dropped, same[0]


def _settle_tables(upgrade: ops.UpgradeOps, context: MigrationContext, choices: Choices) -> None:
    created = [one for one in upgrade.ops if isinstance(one, ops.CreateTableOp)]
    if not created or context.connection is None:
        return
    mapped = cast("MetaData", context.opts["target_metadata"])
    left = _columns_of_unmapped(context.connection, mapped)
    for table in created:
        columns = {one.name for one in table.columns if isinstance(one, Column)}
        old = next((name for name in left if left[name] == columns), None)
        names = f"{old}={table.table_name}"
        if old and _was_renamed(names, "a table with its columns comes", choices):
            del left[old]
            # Its indexes and constraints keep their names: the next revision finds what differs.
            upgrade.ops[:] = [one for one in upgrade.ops if not _is_of(one, table)]
            upgrade.ops.insert(0, RenameTable(old, table.table_name, schema=table.schema))


def _columns_of_unmapped(connection: Connection, mapped: MetaData) -> dict[str, set[str]]:
    """Return the columns of each table that no model maps."""
    inspector = inspect(connection)
    unmapped = set(inspector.get_table_names()) - mapped.tables.keys() - set(OWN_TABLES)
    return {
        name: {column["name"] for column in inspector.get_columns(name)}
        for name in sorted(unmapped)
    }


def _is_of(operation: MigrateOperation, table: ops.CreateTableOp) -> bool:
    return getattr(operation, "table_name", None) == table.table_name


def _was_renamed(names: str, what_comes: str, choices: Choices) -> bool:
    if names in choices.renames:
        return True
    old, _, new = names.partition("=")
    question = f"{old} goes, and {what_comes}: {new}. Was it renamed?"
    if sys.stdin.isatty():
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        return input().strip().lower() in ("y", "yes")
    raise MigrationUnsafe(
        f"{question}\nSay --rename {names}, which keeps the data, or --allow-drop, which leaves "
        "it behind: python -m migrate revision"
    )


def renamed(table: str, dropped: ops.DropColumnOp, added: ops.AddColumnOp) -> ops.AlterColumnOp:
    """Return the operation that renames the column, and is whole on MySQL too."""
    before: Any = dropped.to_column()
    return RenameColumn(
        table,
        dropped.column_name,
        schema=dropped.schema,
        modify_name=added.column.name,
        existing_type=before.type,
        existing_nullable=before.nullable,
        existing_server_default=before.server_default,
    )


class RenameColumn(ops.AlterColumnOp):
    """A change of a column's name, which Alembic's own operation does not reverse."""

    def reverse(self) -> ops.AlterColumnOp:
        """Return the change back."""
        return RenameColumn(
            self.table_name,
            cast("str", self.modify_name),
            schema=self.schema,
            modify_name=self.column_name,
            existing_type=self.existing_type,
            existing_nullable=self.existing_nullable,
            existing_server_default=self.existing_server_default,
        )


class RenameTable(ops.RenameTableOp):
    """A change of a table's name, which Alembic's own operation neither reverses nor writes."""

    def reverse(self) -> ops.RenameTableOp:
        """Return the change back."""
        return RenameTable(self.new_table_name, self.table_name, schema=self.schema)


@renderers.dispatch_for(RenameTable)
def _write(_: AutogenContext, operation: RenameTable) -> str:
    schema = f", schema={operation.schema!r}" if operation.schema else ""
    return f"op.rename_table({operation.table_name!r}, {operation.new_table_name!r}{schema})"
