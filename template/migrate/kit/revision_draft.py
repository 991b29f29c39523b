"""What becomes of a revision that autogenerate drafts, before it is written.

Probable renames are asked about (`renames.py`), and drops are refused unless they are wanted. On
MySQL each statement of DDL becomes a revision of its own, so that none fails half-way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from alembic.operations import ops
from alembic.operations.ops import MigrateOperation, MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.util import rev_id
from sqlalchemy import ForeignKeyConstraint, MetaData

from migrate.errors import MigrationUnsafe
from migrate.kit import enums, renames
from migrate.kit.operations import describe
from migrate.kit.renames import Choices
from migrate.kit.statements import MYSQL


def process(context: MigrationContext, _revision: object, scripts: list[MigrationScript]) -> None:
    """Make the drafted revisions what is to be written; called by Alembic."""
    if getattr(context._migrations_fn, "__qualname__", "").startswith("check."):  # noqa: SLF001
        return
    (script,) = scripts
    upgrade = cast("ops.UpgradeOps", script.upgrade_ops)
    if upgrade.is_empty():
        scripts.clear()
        return
    config = context.config
    choices = (config.attributes.get("choices") if config else None) or Choices()
    enums.rename_types(upgrade, cast("MetaData", context.opts["target_metadata"]))
    renames.settle(upgrade, context, choices)
    _constraints_before_indexes(upgrade)
    if context.dialect.name != "sqlite":  # which adds none later, and asks for no order
        _foreign_keys_last(upgrade, context.dialect.name)
    if not choices.allow_drop:
        _refuse_drops(upgrade)
    script.downgrade_ops = upgrade.reverse()
    if context.dialect.name in MYSQL and not choices.together:
        scripts[:] = one_each(script)


def flat(container: ops.OpContainer) -> Iterator[MigrateOperation]:
    """Yield the operations without the tables that group them."""
    for operation in container.ops:
        if isinstance(operation, ops.OpContainer):
            yield from flat(operation)
        else:
            yield operation


def one_each(script: MigrationScript) -> list[MigrationScript]:
    """Return a chain of revisions with one operation each."""
    every = list(flat(cast("ops.UpgradeOps", script.upgrade_ops)))
    chain: list[MigrationScript] = []
    head = script.head
    for number, operation in enumerate(every, 1):
        own = script.rev_id if number == len(every) else rev_id()
        part = f" ({number} of {len(every)}: {describe(operation)})" if len(every) > 1 else ""
        chain.append(
            MigrationScript(
                own,
                ops.UpgradeOps([operation]),
                ops.DowngradeOps([operation.reverse()]),
                message=f"{script.message or ''}{part}",
                head=head,
                imports=set(script.imports),
            )
        )
        head = cast("str", own)
    return chain


def _constraints_before_indexes(upgrade: ops.UpgradeOps) -> None:
    """Let a constraint go before its index, which MySQL would not let go."""
    for table in [one for one in upgrade.ops if isinstance(one, ops.ModifyTableOps)]:
        first = [one for one in table.ops if isinstance(one, ops.DropConstraintOp)]
        table.ops[:] = [*first, *(one for one in table.ops if one not in first)]


def _foreign_keys_last(upgrade: ops.UpgradeOps, dialect: str) -> None:
    """Let a foreign key come after what it needs: its table in a circle, its index on MySQL.

    What comes last goes first, and MySQL lets no index go that a foreign key needs.
    """
    created = [one for one in upgrade.ops if isinstance(one, ops.CreateTableOp)]
    indexed = {one.table_name for one in flat(upgrade) if isinstance(one, ops.CreateIndexOp)}
    for number, table in enumerate(created):
        later = {one.table_name for one in created[number + 1 :]}
        of_mysql = dialect in MYSQL and table.table_name in indexed
        for key in [one for one in table.columns if isinstance(one, ForeignKeyConstraint)]:
            target = key.elements[0].target_fullname.split(".")[-2]
            if of_mysql or key.use_alter or target in later:
                table.columns = [one for one in table.columns if one is not key]
                upgrade.ops.append(ops.AddConstraintOp.from_constraint(key))


def _refuse_drops(upgrade: ops.UpgradeOps) -> None:
    drops = [one for one in flat(upgrade) if isinstance(one, ops.DropColumnOp | ops.DropTableOp)]
    if drops:
        listed = ", ".join(map(describe, drops))
        raise MigrationUnsafe(
            f"this would lose data: {listed}. Nothing was written. First release code that does "
            "not use it; then say --allow-drop: python -m migrate revision"
        )
