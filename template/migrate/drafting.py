"""What becomes of a revision that autogenerate drafts, before it is written.

A column that goes while one of the same type comes was probably renamed: that is asked, never
guessed. On MySQL each statement of DDL becomes a revision of its own, so that none fails half-way.
"""

# Managed by the template: your own are env.py and versions/, and an update merges any other change.
from __future__ import annotations

import secrets
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from alembic.operations import ops
from alembic.operations.ops import MigrateOperation, MigrationScript
from alembic.runtime.migration import MigrationContext

from migrate.errors import MigrationUnsafe
from migrate.operations import describe
from migrate.statements import MYSQL


@dataclass(frozen=True)
class Choices:
    """What whoever asked for the revision has said of it already."""

    renames: frozenset[str] = frozenset()
    allow_drop: bool = False
    together: bool = False


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
    _settle_renames(upgrade, choices)
    if not choices.allow_drop:
        _refuse_drops(upgrade)
    script.downgrade_ops = upgrade.reverse()
    if context.dialect.name in MYSQL and not choices.together:
        scripts[:] = one_each(script)


def new_id() -> str:
    """Return an id that sorts by time, and that two people do not both make."""
    return f"{datetime.now(UTC):%Y%m%d%H%M}_{secrets.token_hex(2)}"


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
        own = script.rev_id if number == len(every) else new_id()
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


def _settle_renames(upgrade: ops.UpgradeOps, choices: Choices) -> None:
    for table in [one for one in upgrade.ops if isinstance(one, ops.ModifyTableOps)]:
        for dropped, added in list(probable_renames(table.ops)):
            names = f"{table.table_name}.{dropped.column_name}={added.column.name}"
            if choices.allow_drop or not _was_renamed(names, choices):
                continue
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


def _was_renamed(names: str, choices: Choices) -> bool:
    if names in choices.renames:
        return True
    question = f"{names.replace('=', ' goes, and a column of its type comes: ')}. Was it renamed?"
    if sys.stdin.isatty():
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    message = (
        f"{question}\nSay --rename {names}, which keeps the data, or --allow-drop, which loses it: "
        "python -m migrate revision"
    )
    raise MigrationUnsafe(message)


def renamed(table: str, dropped: ops.DropColumnOp, added: ops.AddColumnOp) -> ops.AlterColumnOp:
    """Return the operation that renames the column, and is whole on MySQL too."""
    before: Any = dropped.to_column()
    return Rename(
        table,
        dropped.column_name,
        schema=dropped.schema,
        modify_name=added.column.name,
        existing_type=before.type,
        existing_nullable=before.nullable,
        existing_server_default=before.server_default,
    )


class Rename(ops.AlterColumnOp):
    """A change of name, which Alembic's own operation does not reverse."""

    def reverse(self) -> ops.AlterColumnOp:
        """Return the change back."""
        return Rename(
            self.table_name,
            cast("str", self.modify_name),
            schema=self.schema,
            modify_name=self.column_name,
            existing_type=self.existing_type,
            existing_nullable=self.existing_nullable,
            existing_server_default=self.existing_server_default,
        )


def _refuse_drops(upgrade: ops.UpgradeOps) -> None:
    drops = [one for one in flat(upgrade) if isinstance(one, ops.DropColumnOp | ops.DropTableOp)]
    if drops:
        listed = ", ".join(map(describe, drops))
        message = (
            f"this would lose data: {listed}. Nothing was written. First release code that does "
            "not use it; then say --allow-drop: python -m migrate revision"
        )
        raise MigrationUnsafe(message)
