"""Testing the revisions: up, down and up again, and nothing left behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from migrate import guards
from migrate.engine import make_engine
from migrate.errors import MigrationFailed, MigrationUnsafe
from migrate.kit.commands import command, flag, option
from migrate.project import Run, alembic_config

# The whole schema in few queries: reading it table by table would cost more with every revision.
OURS = "table_schema = database() AND table_name NOT LIKE 'alembic%'"
SCHEMA = {
    "sqlite": ["SELECT type, name, sql FROM sqlite_master WHERE tbl_name NOT LIKE 'alembic%'"],
    "postgresql": [
        """SELECT table_name, column_name, data_type, is_nullable, column_default
        FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name NOT LIKE 'alembic%'""",
        """SELECT tablename, indexdef FROM pg_indexes
        WHERE schemaname = current_schema() AND tablename NOT LIKE 'alembic%'""",
        """SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = current_schema()::regnamespace AND conname NOT LIKE 'alembic%'""",
    ],
    "mysql": [
        f"SELECT {columns} FROM information_schema.{view} WHERE {OURS}"  # noqa: S608 - ours alone
        for view, columns in (
            ("columns", "table_name, column_name, column_type, is_nullable, column_default, extra"),
            ("statistics", "table_name, index_name, seq_in_index, column_name, non_unique"),
            ("table_constraints", "table_name, constraint_name, constraint_type"),
        )
    ],
}
SCHEMA["mariadb"] = SCHEMA["mysql"]


@command(option("--last", 30, "only the newest revisions"), flag("--all", "every revision"))
def test(run: Run) -> None:
    """Take every revision up, down and up, on an empty database (default: SQLite's, of its own)."""
    begun = time.monotonic()
    with _scratch(run) as url:
        number = _stairway(run, url)
    seconds = time.monotonic() - begun
    run.report("done", f"{number} revisions up, down and up in {seconds:.1f} s", revisions=number)


@contextmanager
def _scratch(run: Run) -> Iterator[str]:
    with TemporaryDirectory() as folder:
        yield run.arguments.database or f"sqlite:///{Path(folder) / 'scratch.db'}"


def _stairway(run: Run, url: str) -> int:
    scripts = ScriptDirectory.from_config(alembic_config(url))
    every = [script.revision for script in scripts.walk_revisions()][::-1]
    tested = every if run.arguments.all else every[-run.arguments.last :]
    with make_engine(url).connect() as connection:
        go = _goer(scripts, connection, url)
        if schema_of(connection):
            message = "--database must name an empty database: every table in it would be dropped"
            raise MigrationUnsafe(message)
        below = every[len(every) - len(tested) - 1] if len(tested) < len(every) else "base"
        if below != "base":
            go("up", below)
        for revision in tested:
            before = schema_of(connection)
            go("up", revision)
            go("down", below)
            if left := schema_of(connection) ^ before:
                what = ", ".join(sorted({row[0] for row in left}))
                message = f"downgrade() of {revision} leaves the schema another than it was: {what}"
                raise MigrationFailed(message)
            go("up", revision)
            run.report("passed", f"  {revision} up, down, up", revision=revision)
            below = revision
    return len(tested)


def _goer(scripts: ScriptDirectory, connection: Connection, url: str) -> Callable[[str, str], None]:
    """Return what goes to a revision: one directory and one connection for all of them."""
    config = alembic_config(url)

    def go(direction: str, target: str) -> None:
        upward = direction == "up"
        work = scripts._upgrade_revs if upward else scripts._downgrade_revs  # noqa: SLF001
        with EnvironmentContext(config, scripts, fn=lambda now, _: work(target, now)) as context:
            context.configure(connection=connection, **guards.settings_of(connection))
            guards.adapted(context.get_context())
            with context.begin_transaction():
                context.run_migrations()
        connection.commit()

    return go


def schema_of(connection: Connection) -> frozenset[tuple[str, ...]]:
    """Return every table, column, index and constraint, comparable as a whole."""
    found = frozenset(
        tuple(map(str, row))
        for query in SCHEMA[connection.dialect.name]
        for row in connection.execute(text(query))
    )
    connection.commit()
    return found
