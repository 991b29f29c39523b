"""Enumerations: the values that a database allows, compared with those of the models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from alembic.autogenerate import renderers
from alembic.operations import ops
from alembic.operations.ops import MigrateOperation
from alembic.util import PriorityDispatchResult
from sqlalchemy import CheckConstraint, Enum, Inspector, MetaData, Table
from sqlalchemy.sql.elements import conv

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from sqlalchemy.dialects.postgresql.base import PGInspector

_QUOTED = re.compile(r"'((?:[^']|'')*)'")


class AddEnumValueOp(MigrateOperation):
    """A value more for a type of PostgreSQL, which cannot take one back."""

    def __init__(self, type_name: str, value: str, *, adds: bool = True) -> None:
        """Add `value`, or stand for its not being taken back."""
        self.type_name, self.value, self.adds = type_name, value, adds

    def reverse(self) -> AddEnumValueOp:
        """Return what is said in its place."""
        return AddEnumValueOp(self.type_name, self.value, adds=not self.adds)

    def to_diff_tuple(self) -> tuple[str, str, str]:
        """Return the change as `check` tells it."""
        return ("add_enum_value", self.type_name, self.value)

    def statement(self) -> str:
        """Return its SQL."""
        value = self.value.replace("'", "''")
        return f"ALTER TYPE {self.type_name} ADD VALUE IF NOT EXISTS '{value}'"


@renderers.dispatch_for(AddEnumValueOp)
def _render(_: AutogenContext, operation: AddEnumValueOp) -> str:
    if operation.adds:
        return f"op.execute({operation.statement()!r})"
    return (
        f"# PostgreSQL cannot take the value {operation.value!r} back from {operation.type_name}."
    )


def compare(
    context: AutogenContext,
    changes: ops.ModifyTableOps,
    schema: str | None,
    _name: str,
    stored: Table | None,
    mapped: Table | None,
) -> PriorityDispatchResult:
    """Compare the values of every enumeration of a table; called by Alembic."""
    if stored is None or mapped is None or context.inspector is None:
        return PriorityDispatchResult.CONTINUE
    for column in mapped.columns:
        kind = column.type
        if isinstance(kind, Enum) and column.name in stored.columns:
            native = kind.native_enum and context.dialect.name == "postgresql"
            if native:
                changes.ops += _values_more(cast("PGInspector", context.inspector), kind, schema)
            elif kind.create_constraint and not _is_native(kind, context):
                changes.ops += _changed_check(context.inspector, mapped, kind, schema)
    return PriorityDispatchResult.CONTINUE


def _is_native(kind: Enum, context: AutogenContext) -> bool:
    # MySQL's own enumerations are types, which Alembic compares.
    return kind.native_enum and context.dialect.name in ("mysql", "mariadb")


def _values_more(inspector: PGInspector, kind: Enum, schema: str | None) -> list[AddEnumValueOp]:
    known = {one["name"]: one["labels"] for one in inspector.get_enums(schema or "public")}
    labels: Sequence[str] = known.get(str(kind.name), kind.enums)
    return [AddEnumValueOp(str(kind.name), one) for one in kind.enums if one not in labels]


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
