"""Guards around Alembic: one migrator at a time, and what it reports is really there.

Alembic can exit 0 with nothing saved, when a revision ends the transaction that it runs in. Here
that fails, the version is read back on a new connection, and tables of others are left alone.
"""

# Managed by the template: your own are env.py and versions/, and an update merges any other change.
from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from copy import copy
from functools import partial, update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from sqlalchemy import URL, Connection, Engine, Table, TypeDecorator, inspect, text
from sqlalchemy.types import TypeEngine
from sqlalchemy.util import immutabledict

from migrate.engine import DRIVERS, is_pooled, make_engine, raw, reading
from migrate.errors import Findings, LockTimeout, MigrationUnsafe
from migrate.transaction import Watch

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.ddl.impl import DefaultImpl
    from alembic.operations.batch import ApplyBatchImpl
    from alembic.runtime.migration import MigrationContext, MigrationInfo, RevisionStep
    from sqlalchemy import MetaData
    from sqlalchemy.schema import SchemaItem

ACQUIRE = {
    "postgresql": "SELECT pg_try_advisory_lock(hashtext('migrate'), hashtext(current_database()))",
    "mysql": "SELECT GET_LOCK(LEFT(CONCAT(DATABASE(), '.migrate'), 64), 0)",
}
ACQUIRE["mariadb"] = ACQUIRE["mysql"]
# Alembic's own names for its work: what compares the models, and what else only reads.
COMPARES = "retrieve_migrations"
READS = frozenset({COMPARES, "display_version", "show_current", "_display_current_history"})


def online(url: str, models: Callable[[], MetaData]) -> None:
    """Run what Alembic was asked to run, each revision in a transaction of its own."""
    from alembic import context  # noqa: PLC0415 - a database that is up to date needs none

    engine = make_engine(url)
    with engine.connect() as connection:
        written: set[str] = set()
        applied = version_applied(written)
        context.configure(connection, on_version_apply=applied, **settings_of(connection))
        ctx = adapted(context.get_context())
        work = work_of(ctx, models)
        with nullcontext() if work in READS else run_lock(connection):
            if work not in READS:
                drop_journal(connection)
                watch_revisions(ctx, Watch(connection))
            with context.begin_transaction():
                context.run_migrations()
        connection.commit()  # revisions have committed themselves, and what runs none has not
    if written:
        require_written(engine, written)


def offline(url: str) -> None:
    """Write the SQL instead of running it (`alembic upgrade head --sql`)."""
    from alembic import context  # noqa: PLC0415

    style = {"paramstyle": "named"}
    context.configure(
        url=url, literal_binds=True, transaction_per_migration=True, dialect_opts=style
    )
    with context.begin_transaction():
        context.run_migrations()


def settings_of(connection: Connection) -> dict[str, Any]:
    """Return how a context runs revisions, and what autogenerate compares and writes."""
    return {
        "transaction_per_migration": True,
        "transactional_ddl": connection.dialect.name in ("sqlite", "postgresql"),
        "render_as_batch": connection.dialect.name == "sqlite",
        "include_object": is_managed,
        "render_item": render_type,
    }


def adapted(context: MigrationContext) -> MigrationContext:
    """Let a revision be one transaction on SQLite, blocks of autocommit included.

    Nothing needs them there, and a batch builds on what it finds.
    """
    if context.dialect.name == "sqlite":
        context.autocommit_block = nullcontext  # type: ignore[method-assign,assignment]
        if context.connection is not None:
            _keep_triggers(context.impl, context.connection)
    return context


def _keep_triggers(impl: DefaultImpl, connection: Connection) -> None:
    """Let a batch, which makes its table anew, leave it the triggers that it has."""
    triggers: list[str] = []
    prepare, rename = impl.prep_table_for_batch, impl.rename_table
    own = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"

    def prep_table_for_batch(batch_impl: ApplyBatchImpl, table: Table) -> None:
        triggers[:] = connection.exec_driver_sql(own, (table.name,)).scalars()
        prepare(batch_impl, table)

    def rename_table(old: str, new: str, schema: str | None = None) -> None:
        if not old.startswith("_alembic_tmp_"):
            rename(old, new, schema)
            return
        # Triggers of other tables name this one, which is not there until it has its name.
        raw(connection, "PRAGMA legacy_alter_table=ON")
        rename(old, new, schema)
        raw(connection, "PRAGMA legacy_alter_table=OFF")
        for trigger in triggers:
            raw(connection, trigger)

    impl.prep_table_for_batch = prep_table_for_batch  # type: ignore[method-assign]
    impl.rename_table = rename_table  # type: ignore[method-assign,assignment]


def work_of(context: MigrationContext, models: Callable[[], MetaData]) -> str:
    """Return Alembic's name for what it was asked; only what compares the models pays for them."""
    work: str = getattr(context._migrations_fn, "__name__", "")  # noqa: SLF001 - the only place
    if work == COMPARES:
        context.opts["target_metadata"] = models()
    return work


# -- one migrator ----------------------------------------------------------------------------------


@contextmanager
def run_lock(
    connection: Connection, wait: float = 600, say: Callable[[str], object] = print
) -> Iterator[None]:
    """Be the only migration of this database; raises LockTimeout."""
    require_session(connection)
    end, path = time.monotonic() + wait, connection.engine.url.database
    is_file = connection.dialect.name == "sqlite" and path not in (None, "", ":memory:")
    with Path(f"{path}.migrate.lock").open("w") if is_file else nullcontext() as file:
        waiting = False
        # Polled: who waits inside PostgreSQL deadlocks with CREATE INDEX CONCURRENTLY.
        while not _acquired(connection, file):
            if time.monotonic() > end:
                raise LockTimeout(
                    f"another migration of this database has been running for {wait:g} s. Nothing "
                    "was changed here: wait for its end, then run the same command again."
                )
            if not waiting:
                say("another migration of this database is running; waiting for its end")
            waiting = True
            time.sleep(0.2)
        yield


def require_session(connection: Connection) -> None:
    """Refuse a pooler that gives each transaction another session, which loses the lock."""
    if connection.dialect.name != "postgresql":
        return
    driver: Any = connection.connection.driver_connection
    if not is_pooled(driver):
        return
    session, end = "SELECT pg_backend_pid()", connection.connection.rollback
    own = raw(connection, session)
    end()
    with connection.engine.connect() as other:
        shared = raw(other, session) == own or raw(connection, session) != own
        end()
    if shared:
        raise MigrationUnsafe(
            "a pooler (PgBouncer) stands before this database and gives each transaction another "
            "session: a migration would lose its lock, and the application get its settings. "
            "Nothing was changed. Set DIRECT_DATABASE_URL to the server's own address: migrations "
            "use that instead of DATABASE_URL."
        )


def _acquired(connection: Connection, file: TextIO | None) -> bool:
    if acquire := ACQUIRE.get(connection.dialect.name):
        # On the migration's own session: while the server still runs its ALTER, the lock stays.
        got = raw(connection, acquire)[0]
        connection.connection.commit()
        return got in (True, 1)
    try:
        if file is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


# -- nothing lost ----------------------------------------------------------------------------------


def watch_revisions(
    context: MigrationContext, watch: Watch, plan: Callable[[list[RevisionStep]], object] = list
) -> None:
    """Let each revision's function be run by the watch; `plan` may refuse all of them before."""
    planned = context._migrations_fn  # noqa: SLF001 - only here a revision's begin is known
    assert planned is not None  # noqa: S101 - Alembic has configured what to do

    def watched(heads: tuple[str, ...], of: MigrationContext) -> Iterable[RevisionStep]:
        steps = list(planned(heads, of))
        plan(steps)
        for step in steps:
            if hasattr(step, "revision"):
                run = partial(_run_watched, watch, step, step.migration_fn)
                # Alembic's log says its name.
                step.migration_fn = update_wrapper(run, step.migration_fn)
            yield step

    context._migrations_fn = watched  # noqa: SLF001
    let_leave(context, watch)


def let_leave(context: MigrationContext, watch: Watch) -> None:
    """Let a block of autocommit leave the transaction, which nothing else may."""
    if context.dialect.name != "sqlite":
        block = partial(watch.left, context.autocommit_block)
        context.autocommit_block = block  # type: ignore[method-assign]


def _run_watched(
    watch: Watch, step: RevisionStep, run: Callable[..., object], **arguments: object
) -> None:
    watch.run(step.revision, step.is_upgrade, partial(run, **arguments))


def version_applied(written: set[str]) -> Callable[..., None]:
    """Return what Alembic calls before it commits a revision: guards it, tells it, notes it."""

    def applied(ctx: MigrationContext, step: MigrationInfo, heads: set[str], **_: object) -> None:
        require_own_transaction(ctx, step.up_revision_id)
        require_whole_foreign_keys(ctx, step.up_revision_id)
        tell_applied(ctx, step)
        written.clear()
        written.update(heads)

    return applied


def tell_applied(context: MigrationContext, step: MigrationInfo) -> None:
    if (config := context.config) is not None:
        what = "upgraded to" if step.is_upgrade else "downgraded from"
        title = getattr(step.up_revision, "doc", "")
        say = config.attributes.get("say", config.print_stdout)
        say(f"{'stamped' if step.is_stamp else what} {step.up_revision_id}  {title}")


def require_own_transaction(context: MigrationContext, revision: str | None) -> None:
    """Refuse to write a version in another transaction than the revision began in."""
    own, connection = context._transaction, context.connection  # noqa: SLF001 - the only place
    if own is None or not own.is_active or not connection or connection.get_transaction() != own:
        raise MigrationUnsafe(
            f"revision {revision} has committed or rolled back the transaction it runs in; what "
            "comes after would be lost without a word. Remove the commit or rollback, and run the "
            "same command again."
        )


def require_whole_foreign_keys(context: MigrationContext, revision: str | None) -> None:
    """Refuse a row whose parent is gone: SQLite does not check it while tables are recreated."""
    if context.dialect.name != "sqlite" or context.connection is None:
        return
    dangling = context.connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(5)
    if dangling:
        rows = ", ".join(f"{row[0]} row {row[1]} → {row[2]}" for row in dangling)
        raise MigrationUnsafe(f"revision {revision} leaves foreign keys that point nowhere: {rows}")


def require_written(engine: Engine, heads: set[str]) -> None:
    """Read the version again: what Alembic reported must be there."""
    with reading(engine) as connection:
        stored = versions(connection)
    if stored != heads:
        raise MigrationUnsafe(
            f"Alembic reported version {sorted(heads)}, but the database says {sorted(stored)}"
        )


def require_current(stored: Collection[str], heads: Collection[str]) -> None:
    """Refuse to compare a database with the models when revisions are pending."""
    if set(stored) != set(heads):
        at = f"at {', '.join(sorted(stored))}" if stored else "empty"
        message = f"the database is {at}, the code is at {', '.join(sorted(heads))}"
        raise Findings(f"{message}: python -m migrate upgrade")


def versions(connection: Connection) -> set[str]:
    if not inspect(connection).has_table("alembic_version"):
        return set()
    return set(connection.scalars(text("SELECT version_num FROM alembic_version")))


def is_journaled(connection: Connection) -> bool:
    """Say whether a migration kit has left its journal here."""
    return inspect(connection).has_table("alembic_journal")


def drop_journal(connection: Connection) -> None:
    """Drop the empty journal of a migration kit that is gone; refuse one with a revision in it."""
    if not is_journaled(connection):
        return
    if begun := connection.scalar(text("SELECT max(revision) FROM alembic_journal")):
        raise MigrationUnsafe(
            f"revision {begun} is partly applied, by the migration kit that this project had "
            "before. Nothing was changed; finish that with the kit: headstart feature add "
            "safe_migrations, python -m migrate resume (or undo), and then remove it again"
        )
    connection.execute(text("DROP TABLE alembic_journal"))
    connection.commit()


# -- tables of others ------------------------------------------------------------------------------


def is_managed(
    item: SchemaItem, _: str | None, kind: str, reflected: bool, compared_to: SchemaItem | None
) -> bool:
    """Say whether autogenerate may touch `item`: never a table of others (`app/outer_models.py`).

    A table that exists and is mapped nowhere belongs to somebody else too, and is never dropped.
    """
    table = item if isinstance(item, Table) else getattr(item, "table", None)
    if table is not None and table.info.get("managed") is False:
        return False
    return not (kind == "table" and reflected and compared_to is None)


def render_type(kind: str, item: object, context: AutogenContext) -> str | Literal[False]:
    """Render a type as what it is stored as on each database: revisions outlive the app's code.

    What SQLAlchemy has is left to Alembic; a type that only its own package knows is imported.
    """
    if kind != "type" or not isinstance(item, TypeEngine):
        return False
    if not any(map(_is_foreign, (item, *item._variant_mapping.values()))):  # noqa: SLF001
        return _render_postgresql(item, context)
    if isinstance(item, TypeDecorator) or item._variant_mapping:  # noqa: SLF001
        return _render_stored(item, context)
    context.imports.add(f"import {type(item).__module__}")
    return f"{type(item).__module__}.{item!r}"


def _render_postgresql(item: TypeEngine[Any], context: AutogenContext) -> str | Literal[False]:
    """Render what only PostgreSQL has; elsewhere Alembic forgets the prefix of what is inside."""
    own = type(item).__module__.startswith("sqlalchemy.dialects.postgresql.")
    if not own or context.dialect is None or context.dialect.name == "postgresql":
        return False
    from alembic.ddl.postgresql import PostgresqlImpl  # noqa: PLC0415 - only a draft needs it

    context.imports.add("from sqlalchemy.dialects import postgresql")
    impl = PostgresqlImpl(context.dialect, None, False, None, None, {})
    return impl.render_type(item, context) or f"postgresql.{item!r}"


def _is_foreign(type_: TypeEngine[Any]) -> bool:
    return not type(type_).__module__.startswith("sqlalchemy.")


def _render_stored(type_: TypeEngine[Any], context: AutogenContext) -> str:
    from alembic.autogenerate.render import _repr_type  # noqa: PLC0415 - only a draft needs it

    names: dict[str, list[str]] = {}
    for name in DRIVERS:
        names.setdefault(_repr_type(_stored_as(type_, name), context), []).append(name)
    usual = max(names, key=lambda text: len(names[text]))
    special = [text for text in names if text != usual]
    return usual + "".join(f".with_variant({one}, {str(names[one])[1:-1]})" for one in special)


def _stored_as(type_: TypeEngine[Any], name: str) -> TypeEngine[Any]:
    """Return what SQLAlchemy stores on that kind of database, whatever its driver makes of it."""
    dialect = URL.create(name).get_dialect()()
    dialect.type_descriptor = lambda typeobj: typeobj  # type: ignore[method-assign]
    while True:
        if variant := type_._variant_mapping.get(name):  # noqa: SLF001
            type_ = variant
        elif isinstance(type_, TypeDecorator) and _is_foreign(type_):
            type_ = type_.load_dialect_impl(dialect)
        else:
            bare = copy(type_)
            bare._variant_mapping = immutabledict()  # noqa: SLF001 - of other databases
            return bare
