"""How a database stands: which versions it has, and what is partly applied in it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from migrate.engine import make_engine, reading
from migrate.errors import MigrationFailed
from migrate.kit.journal_table import Entry, entries


@dataclass(frozen=True)
class Database:
    """What a database says of itself."""

    kind: str
    versions: frozenset[str]
    partial: tuple[Entry, ...]


def look(url: str) -> Database:
    """Read how the database stands; raises MigrationFailed when it does not answer."""
    engine = make_engine(url)
    try:
        with reading(engine) as connection:
            if not inspect(connection).has_table("alembic_version"):
                return Database(engine.dialect.name, frozenset(), ())
            stored = connection.execute(text("SELECT version_num FROM alembic_version")).scalars()
            return Database(engine.dialect.name, frozenset(stored), tuple(entries(connection)))
    except DBAPIError as error:
        message = f"the database does not answer: {error.orig}\nNothing was changed."
        raise MigrationFailed(message) from error
