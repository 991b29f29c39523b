"""Running migrations so that each statement is journaled, and what was begun can go on.

Beside what every migration is guarded by (`migrate.guards`): nothing else connects to the database
while a revision runs, and nothing but going on is done where one is partly applied.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from alembic import context
from sqlalchemy import Connection, Engine, MetaData, event

from migrate import guards
from migrate.errors import MigrationUnsafe
from migrate.kit import autogenerate, journal_table
from migrate.kit.engine import Options, make_engine
from migrate.kit.journal import Journal
from migrate.kit.journal_table import Direction, Entry, entries
from migrate.transaction import MYSQL

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, RevisionStep

logger = logging.getLogger("alembic.runtime.migration")

# The oldest servers whose DDL happens wholly or not at all.
OLDEST = {"MySQL": (8, 0), "MariaDB": (10, 6)}

Models = Callable[[], MetaData]

offline = guards.offline


@dataclass(frozen=True)
class Work:
    """What a run works with, while no other works on this database."""

    engine: Engine
    connection: Connection
    journal: Journal


def online(url: str, models: Models) -> None:
    """Run what Alembic was asked to run, each revision in a transaction of its own."""
    options = context.config.attributes.get("options") or Options()
    engine = make_engine(url, options)
    with engine.connect() as connection:
        _require_no_transaction(connection)
        written: set[str] = set()
        settings = autogenerate.settings_of(connection)
        context.configure(connection, on_version_apply=guards.version_applied(written), **settings)
        ctx = guards.adapted(context.get_context())
        if guards.work_of(ctx, models) in guards.READS:
            with context.begin_transaction():
                context.run_migrations()
            return
        with exclusively(engine, connection, options) as work:
            _run_journaled(ctx, work)
    if written:
        guards.require_written(engine, written)


@contextmanager
def exclusively(engine: Engine, connection: Connection, options: Options) -> Iterator[Work]:
    """Be the only one that migrates the database, with a journal of what is done."""
    _require_atomic_ddl(connection)
    with guards.run_lock(connection, options.lock_wait, logger.warning):
        journal_table.create(engine)
        journal = Journal(connection, options)
        with _alone(engine, journal):
            yield Work(engine, connection, journal)


def _run_journaled(ctx: MigrationContext, work: Work) -> None:
    partial_rows = entries(work.connection)
    work.connection.commit()
    guards.watch_revisions(ctx, work.journal, partial(_require_goes_on, partial_rows))
    with context.begin_transaction():
        context.run_migrations()
    # Revisions have committed themselves; `ensure_version` runs none and would be lost.
    work.connection.commit()


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
    raise MigrationUnsafe(
        f"revision {begun[0]} is partly {what} ({len(partial)} statements): finish that first. "
        "`python -m migrate status` shows what was executed, and what can be done."
    )


def _require_no_transaction(connection: Connection) -> None:
    if connection.in_transaction():
        raise MigrationUnsafe(
            "the connection has a transaction before Alembic is configured, which Alembic would "
            "take for somebody else's and never commit: nothing may be executed before that."
        )


def _require_atomic_ddl(connection: Connection) -> None:
    dialect = connection.dialect
    if dialect.name not in MYSQL:
        return
    kind = "MariaDB" if getattr(dialect, "is_mariadb", False) else "MySQL"
    version = dialect.server_version_info or ()
    if tuple(version[:2]) < OLDEST[kind]:
        oldest = ".".join(map(str, OLDEST[kind]))
        raise MigrationUnsafe(
            f"{kind} {version} can leave half a statement behind; {oldest} is the oldest to use"
        )


@contextmanager
def _alone(engine: Engine, journal: Journal) -> Iterator[None]:
    """Refuse a second connection to the same database while a revision runs.

    It would not see what the revision has done, or wait for its locks for ever.
    """
    own, migrates = engine.url, threading.get_ident()

    def connected(connection: Connection) -> None:
        url = connection.engine.url
        same = (url.host, url.port, url.database) == (own.host, own.port, own.database)
        if same and journal.revision is not None and threading.get_ident() == migrates:
            raise MigrationUnsafe(
                f"revision {journal.revision} connects to its database a second time, and would "
                "wait for its own locks or miss its own changes: use `op.get_bind()`."
            )

    event.listen(Engine, "engine_connect", connected)
    try:
        yield
    finally:
        event.remove(Engine, "engine_connect", connected)
