"""Running migrations so that none is silently lost.

Alembic can exit 0 with nothing saved: when a transaction was open before it was configured, or when
a revision ends the transaction it runs in. Three guards turn both into failures: no transaction
before `configure`, the revision's own transaction still active when its version is written, and the
version read back on a second connection.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Literal

from alembic import context
from sqlalchemy import Engine, MetaData, TypeDecorator, text
from sqlalchemy.schema import SchemaItem, Table

from migrate.engine import make_engine

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.runtime.migration import MigrationContext, MigrationInfo

# Where a revision that fails takes its DDL back with it.
TRANSACTIONAL_DDL = frozenset({"sqlite", "postgresql"})


class MigrationUnsafe(RuntimeError):
    """Going on would lose something without a word."""


def offline(url: str, metadata: MetaData) -> None:
    """Write the SQL instead of running it (`alembic upgrade head --sql`)."""
    context.configure(
        url=url,
        target_metadata=metadata,
        literal_binds=True,
        transaction_per_migration=True,
        dialect_opts={"paramstyle": "named"},
    )
    with context.begin_transaction():
        context.run_migrations()


def online(url: str, metadata: MetaData) -> None:
    """Run what Alembic was asked to run, each revision in a transaction of its own."""
    engine = make_engine(url)
    on_sqlite = engine.dialect.name == "sqlite"
    written: set[str] | None = None

    def version_applied(
        ctx: MigrationContext,
        step: MigrationInfo,
        heads: Collection[Any],
        run_args: Mapping[str, Any],  # noqa: ARG001 - part of what Alembic calls
    ) -> None:
        nonlocal written
        _require_own_transaction(ctx, step)
        if on_sqlite:
            _require_whole_foreign_keys(ctx, step)
        written = {str(head) for head in heads}

    with engine.connect() as connection:
        if connection.in_transaction():
            message = "the connection has a transaction before Alembic is configured"
            raise MigrationUnsafe(message)
        context.configure(
            connection=connection,
            target_metadata=metadata,
            transaction_per_migration=True,
            transactional_ddl=engine.dialect.name in TRANSACTIONAL_DDL,
            compare_type=True,
            compare_server_default=True,
            render_as_batch=on_sqlite,
            include_object=is_managed,
            render_item=render_type,
            on_version_apply=version_applied,
        )
        with context.begin_transaction():
            context.run_migrations()
        # Revisions have committed themselves; `ensure_version` runs none and would be lost.
        connection.commit()
    if written is not None:
        _require_written(engine, written)


def is_managed(
    item: SchemaItem,
    _name: str | None,
    kind: str,
    reflected: bool,
    compared_to: SchemaItem | None,
) -> bool:
    """Say whether autogenerate may touch `item`: never a table of others (`app/outer_models.py`).

    A table that exists and is mapped nowhere belongs to somebody else too, and is never dropped.
    """
    table = item if isinstance(item, Table) else getattr(item, "table", None)
    if table is not None and table.info.get("managed") is False:
        return False
    return not (kind == "table" and reflected and compared_to is None)


def render_type(kind: str, item: object, _: AutogenContext) -> str | Literal[False]:
    """Render a type of the app's as what it is stored as: revisions outlive the app's code."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    return False


def _require_own_transaction(ctx: MigrationContext, step: MigrationInfo) -> None:
    transaction = ctx._transaction  # noqa: SLF001 - the only place where Alembic says which it is
    connection = ctx.connection
    current = connection.get_transaction() if connection is not None else None
    if transaction is None or not transaction.is_active or current is not transaction:
        message = (
            f"revision {step.up_revision_id} has committed or rolled back the transaction it runs "
            "in; what comes after would be lost without a word. Remove the commit or rollback."
        )
        raise MigrationUnsafe(message)


def _require_whole_foreign_keys(ctx: MigrationContext, step: MigrationInfo) -> None:
    assert ctx.connection is not None  # noqa: S101 - online
    dangling = ctx.connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(5)
    if dangling:
        rows = ", ".join(f"{row[0]} row {row[1]} → {row[2]}" for row in dangling)
        message = f"revision {step.up_revision_id} leaves foreign keys that point nowhere: {rows}"
        raise MigrationUnsafe(message)


def _require_written(engine: Engine, heads: set[str]) -> None:
    with engine.connect() as connection:
        stored = set(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())
    if stored != heads:
        message = (
            f"Alembic reported version {sorted(heads)}, but the database says {sorted(stored)}"
        )
        raise MigrationUnsafe(message)
