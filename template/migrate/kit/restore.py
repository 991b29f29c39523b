"""A copy that is put back: verified, restored beside, compared, and swapped; nothing is destroyed.

What the database held is kept under a name of its own, until somebody drops it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, MetaData, Table, func, inspect, make_url, select, text
from sqlalchemy.exc import DBAPIError

from migrate import guards
from migrate.engine import make_engine, reading
from migrate.errors import MigrationUnsafe
from migrate.kit.backup import (
    ProgramFailed,
    connection_options,
    copy_sqlite,
    program,
    run_program,
    secrets,
)
from migrate.kit.scratch import beside, quoted
from migrate.kit.statements import MYSQL

SYSTEM = frozenset({"information_schema", "performance_schema", "mysql", "sys"})
# What moves to another database of MySQL with no table.
STAYS = """
SELECT 'view', table_name FROM information_schema.views WHERE table_schema = database()
UNION ALL SELECT 'trigger', trigger_name FROM information_schema.triggers
WHERE trigger_schema = database()
UNION ALL SELECT 'routine', routine_name FROM information_schema.routines
WHERE routine_schema = database()
UNION ALL SELECT 'event', event_name FROM information_schema.events WHERE event_schema = database()
"""
SESSIONS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = :name AND backend_type = 'client backend'
"""

NAMES_DATABASE = re.compile(rb"(/\*!\d* )?(use|(create|drop) (database|schema))\b", re.IGNORECASE)


@dataclass(frozen=True)
class Content:
    """What a database holds: rows of each table, of every schema, and its version."""

    rows: Mapping[str, int]
    versions: frozenset[str]

    def __str__(self) -> str:
        version = ", ".join(sorted(self.versions)) or "base"
        return f"{len(self.rows)} tables, {sum(self.rows.values())} rows, version {version}"


def load(file: Path, url: str) -> None:
    """Fill an empty database with a copy; raises MigrationUnsafe where it is none, or damaged."""
    parsed = make_url(url)
    kind = parsed.get_backend_name()
    try:
        if kind == "sqlite":
            _load_sqlite(file, Path(str(parsed.database)))
        elif kind == "postgresql":
            restore = [program("pg_restore"), "--exit-on-error", "--no-owner"]
            run_program([*restore, *connection_options(parsed), str(file)], secrets(parsed))
        else:
            _require_one_database(file)
            client = [program("mariadb", "mysql"), *connection_options(parsed)]
            with file.open("rb") as copy:
                run_program([*client, str(parsed.database)], secrets(parsed), copy.fileno())
    except (ProgramFailed, sqlite3.DatabaseError, OSError) as error:
        message = f"{file} cannot be restored: {error}\nNothing was changed."
        raise MigrationUnsafe(message) from error
    if not content(url).rows:
        raise MigrationUnsafe(f"{file} holds no table. Nothing was changed.")


def _require_one_database(file: Path) -> None:
    """Refuse a copy that names its database: it would be written there, not beside."""
    with file.open("rb") as lines:
        for line in lines:
            if NAMES_DATABASE.match(line):
                said = line.decode(errors="replace").strip()
                raise ProgramFailed(f"it says {said!r}; a copy of one database without its name")


def _load_sqlite(file: Path, target: Path) -> None:
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as copy:
        (verdict,) = copy.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        with closing(sqlite3.connect(target)) as new:
            copy.backup(new)


def content(url: str) -> Content:
    """Count what a database holds."""
    with reading(make_engine(url)) as connection:
        inspector = inspect(connection)
        mysql = connection.dialect.name in MYSQL
        schemas = [None] if mysql else inspector.get_schema_names()
        rows = {
            f"{schema}.{name}" if schema else name: _count(connection, name, schema)
            for schema in schemas
            if schema not in SYSTEM
            for name in inspector.get_table_names(schema)
        }
        return Content(rows, frozenset(guards.versions(connection)))


def _count(connection: Connection, name: str, schema: str | None) -> int:
    query = select(func.count()).select_from(Table(name, MetaData(), schema=schema))
    return int(connection.execute(query).scalar_one())


def swap(url: str, restored: str) -> str:
    """Let the restored database take the place of the one at `url`; return what that is now."""
    own, new = make_url(url), make_url(restored)
    swaps = {"sqlite": _swap_sqlite, "postgresql": _swap_postgresql}
    return swaps.get(own.get_backend_name(), _swap_mysql)(own, new)


def _swap_sqlite(own: URL, new: URL) -> str:
    target = Path(str(own.database))
    before = target.with_name(beside(own.set(database=target.name), "before"))
    if target.exists():
        copy_sqlite(target, before)
    # Into the file that is there: who has it open sees the change, and no half of it.
    copy_sqlite(Path(str(new.database)), target)
    return str(before)


def _swap_postgresql(own: URL, new: URL) -> str:
    before, server = beside(own, "before"), own.set(database="postgres")
    with reading(make_engine(server.render_as_string(hide_password=False))) as connection:
        if others := connection.execute(text(SESSIONS), {"name": own.database}).scalar_one():
            raise MigrationUnsafe(
                f"{others} sessions use {own.database}: stop the api and the workers first. "
                "Nothing was changed."
            )
        names = [quoted(connection, str(one)) for one in (own.database, before, new.database)]
        connection.exec_driver_sql(f"ALTER DATABASE {names[0]} RENAME TO {names[1]}")
        try:
            connection.exec_driver_sql(f"ALTER DATABASE {names[2]} RENAME TO {names[0]}")
        except DBAPIError:
            connection.exec_driver_sql(f"ALTER DATABASE {names[1]} RENAME TO {names[0]}")
            raise
    return before


def _swap_mysql(own: URL, new: URL) -> str:
    before = beside(own, "before")
    engines = [make_engine(one.render_as_string(hide_password=False)) for one in (own, new)]
    tables = []
    for engine in engines:
        with reading(engine) as connection:
            if stays := connection.execute(text(STAYS)).first():
                raise MigrationUnsafe(
                    f"{engine.url.database} has the {stays[0]} {stays[1]}, which moves with no "
                    "table: docs/migrations.md says how it is swapped by hand. Nothing was changed."
                )
            tables.append(inspect(connection).get_table_names())
    with reading(engines[0]) as connection:
        names = [quoted(connection, str(one)) for one in (own.database, before, new.database)]
        moves = [(names[0], names[1], one) for one in tables[0]]
        moves += [(names[2], names[0], one) for one in tables[1]]
        listed = ", ".join(
            f"{old}.{quoted(connection, one)} TO {to}.{quoted(connection, one)}"
            for old, to, one in moves
        )
        connection.exec_driver_sql(f"CREATE DATABASE {names[1]}")
        try:
            connection.exec_driver_sql(f"RENAME TABLE {listed}")
        except DBAPIError:
            connection.exec_driver_sql(f"DROP DATABASE {names[1]}")  # which is still empty
            raise
    return before
