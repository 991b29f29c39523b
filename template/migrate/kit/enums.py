"""Enumerations: the values that a database allows, compared with those of the models.

PostgreSQL's types are left to `alembic-postgresql-enum`, MySQL's to Alembic itself; what is text
with a CHECK is compared here.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from typing import TYPE_CHECKING

import alembic_postgresql_enum
from alembic.operations import ops
from alembic.operations.ops import MigrateOperation
from alembic.util import PriorityDispatchResult
from alembic_postgresql_enum.operations.create_enum import CreateEnumOp
from sqlalchemy import CheckConstraint, Enum, Inspector, MetaData, Table, TypeDecorator
from sqlalchemy.sql.elements import conv

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

# It is called on every database, and has nothing to do but on one.
logging.getLogger("alembic.alembic_postgresql_enum.compare_dispatch").setLevel(logging.ERROR)
_QUOTED = re.compile(r"'((?:[^']|'')*)'")


def prepare_types(
    context: AutogenContext, _changes: ops.UpgradeOps, _schemas: Collection[str | None]
) -> PriorityDispatchResult:
    """Let the types that our tables have be compared, and no others; called by Alembic."""
    metadata = context.metadata
    ours: set[str | None] = set()
    if isinstance(metadata, MetaData) and context.dialect and context.dialect.name == "postgresql":
        tables = [one for one in metadata.tables.values() if one.info.get("managed") is not False]
        for column in [one for table in tables for one in table.columns]:
            kind = column.type
            if isinstance(kind, TypeDecorator) and isinstance(kind.impl_instance, Enum):
                column.type = kind.impl_instance  # what it is stored as, which is compared
            ours.add(getattr(getattr(column.type, "item_type", column.type), "name", None))
    # A type that no column of ours uses any more may be somebody else's: it stays.
    only = alembic_postgresql_enum.Config(include_name=ours.__contains__, drop_unused_enums=False)
    alembic_postgresql_enum.set_configuration(only)
    return PriorityDispatchResult.CONTINUE


class RenameType(ops.ExecuteSQLOp):
    """A change of a type's name, which Alembic has no operation for."""

    def __init__(self, old: str, new: str) -> None:
        """Rename the type `old`."""
        super().__init__(f'ALTER TYPE "{old}" RENAME TO "{new}"')
        self.old, self.new = old, new

    def reverse(self) -> RenameType:
        """Return the change back."""
        return RenameType(self.new, self.old)


def rename_types(upgrade: ops.UpgradeOps, metadata: MetaData) -> None:
    """Let a type that goes while one of its values comes keep its columns, under the new name."""
    columns = [one for table in metadata.tables.values() for one in table.columns]
    mapped = {getattr(one.type, "name", None) for one in columns}
    for created in [one for one in upgrade.ops if isinstance(one, CreateEnumOp)]:
        changes = [
            (table, one)
            for table in upgrade.ops
            if isinstance(table, ops.ModifyTableOps)
            for one in table.ops
            if isinstance(one, ops.AlterColumnOp) and _is_renamed(one, created)
        ]
        old = {getattr(one.existing_type, "name", None) for _, one in changes}
        if len(old) == 1 and not old & mapped:
            upgrade.ops[upgrade.ops.index(created)] = RenameType(str(old.pop()), created.name)
            for table, change in changes:
                table.ops.remove(change)


def _is_renamed(change: ops.AlterColumnOp, created: CreateEnumOp) -> bool:
    before, after = change.existing_type, change.modify_type
    both = isinstance(before, Enum) and isinstance(after, Enum)
    same = both and list(before.enums) == list(after.enums)  # type: ignore[union-attr]
    return same and getattr(after, "name", None) == created.name


def compare_checks(
    context: AutogenContext,
    changes: ops.ModifyTableOps,
    schema: str | None,
    _name: str,
    stored: Table | None,
    mapped: Table | None,
) -> PriorityDispatchResult:
    """Compare the values that the CHECKs of a table allow; called by Alembic."""
    if stored is None or mapped is None or context.inspector is None:
        return PriorityDispatchResult.CONTINUE
    native = context.dialect is not None and context.dialect.name != "sqlite"
    for column in mapped.columns:
        kind = column.type
        if not isinstance(kind, Enum) or column.name not in stored.columns:
            continue
        if kind.create_constraint and not (kind.native_enum and native):
            changes.ops += _changed_check(context.inspector, mapped, kind, schema)
    return PriorityDispatchResult.CONTINUE


def _changed_check(
    inspector: Inspector, mapped: Table, kind: Enum, schema: str | None
) -> list[MigrateOperation]:
    """Return what makes the stored CHECK of an enumeration allow the values of the models."""
    found = [one for one in mapped.constraints if isinstance(one, CheckConstraint)]
    # The constraint of an Enum says so itself; its name follows the naming convention.
    ours = [one for one in found if getattr(one, "_type_bound", False)]
    stored = {
        str(one["name"]): one["sqltext"]
        for one in inspector.get_check_constraints(mapped.name, schema)
    }
    changes: list[MigrateOperation] = []
    for check in ours:
        # A revision creates it by the bare name, `create_all` by the naming convention.
        conventional = str(ops.DropConstraintOp.from_constraint(check).constraint_name)
        name = next((one for one in (conventional, str(kind.name)) if one in stored), None)
        if name is not None and set(_QUOTED.findall(stored[name])) != set(kind.enums):
            before = CheckConstraint(stored[name], name=conv(name))
            Table(mapped.name, MetaData(), schema=schema).append_constraint(before)
            changes += [
                ops.DropConstraintOp.from_constraint(before),
                ops.AddConstraintOp.from_constraint(check),
            ]
    return changes
