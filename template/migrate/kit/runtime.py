"""Running migrations so that none is silently lost.

Alembic can exit 0 with nothing saved: when a transaction was open before it was configured, or when
a revision ends the transaction it runs in. Guards turn both into failures: no transaction before
`configure`, the revision's own transaction still active when its version is written, no second
connection to the same database meanwhile, and the version read back on a new connection.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alembic import context
from sqlalchemy import Connection, Engine, MetaData, event, text

from migrate.errors import MigrationUnsafe
from migrate.kit import autogenerate
from migrate.kit.engine import Options, make_engine
from migrate.kit.entries import Direction, Entry, entries
from migrate.kit.journal import Journal
from migrate.kit.locks import run_lock
from migrate.kit.operations import watched
from migrate.kit.statements import MYSQL

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, MigrationInfo, RevisionStep

logger = logging.getLogger("alembic.runtime.migration")

# Where a revision that fails takes its DDL back with it.
TRANSACTIONAL_DDL = frozenset({"sqlite", "postgresql"})
# Alembic's own names for its work: what compares the models, and what else only reads.
COMPARES = "retrieve_migrations"
READS = frozenset({COMPARES, "display_version", "show_current", "_display_current_history"})
# The oldest servers whose DDL happens wholly or not at all.
OLDEST = {"MySQL": (8, 0), "MariaDB": (10, 6)}

Models = Callable[[], MetaData]


@dataclass(frozen=True)
class Work:
    """What a run works with, while no other works on this database."""

    engine: Engine
    connection: Connection
    journal: Journal


def offline(url: str) -> None:
    """Write the SQL instead of running it (`alembic upgrade head --sql`)."""
    context.configure(
        url=url,
        literal_binds=True,
        transaction_per_migration=True,
        dialect_opts={"paramstyle": "named"},
    )
    with context.begin_transaction():
        context.run_migrations()


def online(url: str, models: Models) -> None:
    """Run what Alembic was asked to run, each revision in a transaction of its own."""
    options = context.config.attributes.get("options") or Options()
    engine = make_engine(url, options)
    with engine.connect() as connection:
        _require_no_transaction(connection)
        written: set[str] = set()
        context.configure(
            connection=connection,
            on_version_apply=_version_applied(written),
            **settings_of(connection),
            **autogenerate.settings_of(connection),
        )
        ctx = adapted(context.get_context())
        work_name = getattr(ctx._migrations_fn, "__name__", "")  # noqa: SLF001 - says what was asked
        if work_name == COMPARES:
            ctx.opts["target_metadata"] = models()
        if work_name in READS:
            with context.begin_transaction():
                context.run_migrations()
            return
        with exclusively(engine, connection, options) as work:
            _run_journaled(ctx, work)
    if written:
        _require_written(engine, written)


def settings_of(connection: Connection) -> dict[str, Any]:
    """Return how every context that changes something is configured."""
    return {
        "transaction_per_migration": True,
        "transactional_ddl": connection.dialect.name in TRANSACTIONAL_DDL,
    }


def adapted(ctx: MigrationContext) -> MigrationContext:
    """Let a revision be one transaction on SQLite, blocks of autocommit included.

    Nothing needs them there, and half a revision could not go on: a batch builds on what it finds.
    """
    if ctx.dialect.name == "sqlite":
        ctx.autocommit_block = nullcontext  # type: ignore[method-assign,assignment]
    return ctx


@contextmanager
def exclusively(engine: Engine, connection: Connection, options: Options) -> Iterator[Work]:
    """Be the only one that migrates the database, with a journal of what is done."""
    _require_atomic_ddl(connection)
    with run_lock(connection, options.lock_wait, logger.warning):
        journal = Journal(connection, options)
        journal.attach(engine)
        with watched(journal), _alone(engine, journal):
            yield Work(engine, connection, journal)


def _run_journaled(ctx: MigrationContext, work: Work) -> None:
    with work.engine.connect() as second:
        partial = entries(second)
    planned = ctx._migrations_fn  # noqa: SLF001 - the one place where a revision's begin is known
    assert planned is not None  # noqa: S101 - Alembic has configured what to do

    def journaled(heads: tuple[str, ...], of: MigrationContext) -> Iterable[RevisionStep]:
        steps = list(planned(heads, of))
        _require_goes_on(partial, steps)
        for step in steps:
            if hasattr(step, "revision"):
                step.migration_fn = _beginning(work.journal, step)
            yield step

    ctx._migrations_fn = journaled  # noqa: SLF001
    ctx.opts["journal"] = work.journal
    work.journal.guard = lambda revision: require_own_transaction(ctx, revision)
    with context.begin_transaction():
        context.run_migrations()
    # Revisions have committed themselves; `ensure_version` runs none and would be lost.
    work.connection.commit()


def _beginning(journal: Journal, step: RevisionStep) -> Callable[..., None]:
    run = step.migration_fn

    def begin(**arguments: object) -> None:
        journal.begin(step.revision.revision, direction_of(step))
        run(**arguments)

    return begin


def direction_of(step: RevisionStep) -> Direction:
    """Return which of a revision's functions the step runs."""
    return "up" if step.is_upgrade else "down"


def _require_goes_on(partial: list[Entry], steps: list[RevisionStep]) -> None:
    """Refuse any work but going on with what is partly applied."""
    if not partial:
        return
    begun = (partial[0].revision, partial[0].direction)
    first = [step for step in steps[:1] if hasattr(step, "revision")]
    if any((step.revision.revision, direction_of(step)) == begun for step in first):
        return
    what = {"up": "upgraded", "down": "downgraded", "undo": "undone"}[begun[1]]
    message = (
        f"revision {begun[0]} is partly {what} ({len(partial)} statements): finish that first. "
        "`python -m migrate status` shows what was executed, and what can be done."
    )
    raise MigrationUnsafe(message)


def _version_applied(written: set[str]) -> Callable[..., None]:
    def applied(
        ctx: MigrationContext,
        step: MigrationInfo,
        heads: Collection[Any],
        run_args: Mapping[str, Any],  # noqa: ARG001 - part of what Alembic calls
    ) -> None:
        require_own_transaction(ctx, step.up_revision_id)
        require_whole_foreign_keys(ctx, step.up_revision_id)
        journal: Journal = ctx.opts["journal"]
        if journal.revision is not None:
            journal.finish()
        written.clear()
        written.update(str(head) for head in heads)

    return applied


def require_own_transaction(ctx: MigrationContext, revision: str | None) -> None:
    """Refuse to write a version when the transaction is not the one that the revision began in."""
    transaction = ctx._transaction  # noqa: SLF001 - the only place where Alembic says which it is
    connection = ctx.connection
    assert connection is not None  # noqa: S101 - online
    if (
        transaction is None
        or not transaction.is_active
        or connection.get_transaction() is not transaction
    ):
        message = (
            f"revision {revision} has committed or rolled back the transaction it runs in; what "
            "comes after would be lost without a word. Remove the commit or rollback, and run the "
            "same command again: it goes on where this one ends."
        )
        raise MigrationUnsafe(message)


def _require_no_transaction(connection: Connection) -> None:
    if connection.in_transaction():
        message = (
            "the connection has a transaction before Alembic is configured, which Alembic would "
            "take for somebody else's and never commit: nothing may be executed before that."
        )
        raise MigrationUnsafe(message)


def require_whole_foreign_keys(ctx: MigrationContext, revision: str | None) -> None:
    """Refuse a row whose parent is gone: SQLite does not check it while tables are recreated."""
    if ctx.dialect.name != "sqlite" or ctx.connection is None:
        return
    dangling = ctx.connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(5)
    if dangling:
        rows = ", ".join(f"{row[0]} row {row[1]} → {row[2]}" for row in dangling)
        message = f"revision {revision} leaves foreign keys that point nowhere: {rows}"
        raise MigrationUnsafe(message)


def _require_atomic_ddl(connection: Connection) -> None:
    dialect = connection.dialect
    if dialect.name not in MYSQL:
        return
    kind = "MariaDB" if getattr(dialect, "is_mariadb", False) else "MySQL"
    version = dialect.server_version_info or ()
    if tuple(version[:2]) < OLDEST[kind]:
        oldest = ".".join(map(str, OLDEST[kind]))
        message = (
            f"{kind} {version} can leave half a statement behind; {oldest} is the oldest to use"
        )
        raise MigrationUnsafe(message)


def _require_written(engine: Engine, heads: set[str]) -> None:
    with engine.connect() as connection:
        stored = set(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())
    if stored != heads:
        message = (
            f"Alembic reported version {sorted(heads)}, but the database says {sorted(stored)}"
        )
        raise MigrationUnsafe(message)


@contextmanager
def _alone(engine: Engine, journal: Journal) -> Iterator[None]:
    """Refuse a second connection to the same database while a revision runs.

    It would not see what the revision has done, or wait for its locks for ever.
    """
    own = engine.url

    def connected(connection: Connection) -> None:
        url = connection.engine.url
        same = (url.host, url.port, url.database) == (own.host, own.port, own.database)
        if same and journal.revision is not None:
            message = (
                f"revision {journal.revision} connects to its database a second time, and would "
                "wait for its own locks or miss its own changes: use `op.get_bind()`."
            )
            raise MigrationUnsafe(message)

    event.listen(Engine, "engine_connect", connected)
    try:
        yield
    finally:
        event.remove(Engine, "engine_connect", connected)
