"""A database of one's own beside the project's: made on its server, and dropped afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import URL, Connection, make_url, text
from sqlalchemy.exc import DBAPIError

from migrate.engine import make_engine, reading
from migrate.errors import MigrationUnsafe
from migrate.kit.statements import MYSQL

LONGEST = 63
LOCALE = "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database"
CHARSET = """
SELECT default_character_set_name, default_collation_name FROM information_schema.schemata
"""


@contextmanager
def scratch(url: str, purpose: str) -> Iterator[str]:
    """Make an empty database like the one at `url`; yield its URL."""
    own = make_url(url)
    if own.get_backend_name() == "sqlite":
        with TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'scratch.db'}"
        return
    name = beside(own, purpose)
    with reading(make_engine(url)) as connection:
        try:
            like = _like(connection)
            connection.exec_driver_sql(f"CREATE DATABASE {quoted(connection, name)}{like}")
        except DBAPIError as error:
            raise MigrationUnsafe(
                f"no database can be made beside this one: {error.orig}\nNothing was changed. "
                "docs/migrations.md says what the role needs, and what to do without it."
            ) from error
    try:
        yield own.set(database=name).render_as_string(hide_password=False)
    finally:
        with reading(make_engine(url)) as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {quoted(connection, name)}")


def beside(url: URL, purpose: str) -> str:
    """Return the name of a database that is nobody's yet, and says whose it is."""
    ending = f"_{purpose}_{datetime.now(UTC):%Y%m%d_%H%M%S}_{os.getpid()}"
    return f"{(url.database or 'app')[: LONGEST - len(ending)]}{ending}"


def quoted(connection: Connection, name: str) -> str:
    """Return a name as the server takes any name."""
    return connection.dialect.identifier_preparer.quote_identifier(name)


def _like(connection: Connection) -> str:
    """Return what makes texts sort and compare there as they do here."""
    if connection.dialect.name in MYSQL:
        query = text(f"{CHARSET} WHERE schema_name = database()")
        charset, collation = connection.execute(query).one()
        return f" CHARACTER SET {charset} COLLATE {collation}"
    query = text(f"{LOCALE} WHERE datname = current_database()")
    encoding, collate, ctype = connection.execute(query).one()
    locale = f" LC_COLLATE '{collate}' LC_CTYPE '{ctype}'"
    return f" TEMPLATE template0 ENCODING '{encoding}'{locale}"
