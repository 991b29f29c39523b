"""Run by a project's own interpreter: what a database server holds in `alembic_version`.

Alembic would say it too, after importing the project: this needs the driver alone. It reads the URL
from DATABASE_URL, where no list of processes shows it, and prints one JSON document:
`{"versions": [...]}`, or `{"gone": true}` where the server answers and has no such database. It
fails in every other case, of a driver it does not know or a table that is not there, say.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from contextlib import closing
from typing import Any
from urllib.parse import unquote, urlsplit

_SECONDS = 3
_UNKNOWN_DATABASE = 1049  # MySQL's ER_BAD_DB_ERROR
_VERSIONS = "SELECT version_num FROM alembic_version"


def main() -> None:
    parts = urlsplit(os.environ["DATABASE_URL"])
    read = _mysql if parts.scheme.startswith(("mysql", "mariadb")) else _postgresql
    stated: dict[str, object] = {
        "host": parts.hostname,
        "port": parts.port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }
    server = {name: value for name, value in stated.items() if value}
    json.dump(read(server, unquote(parts.path.strip("/"))), sys.stdout)


def _postgresql(server: dict[str, object], database: str) -> dict[str, object]:
    driver = _driver("psycopg", "psycopg2")
    try:
        return _versions(driver.connect(**server, dbname=database, connect_timeout=_SECONDS))
    except driver.OperationalError:
        rows = _rows(
            driver.connect(**server, dbname="postgres", connect_timeout=_SECONDS),
            "SELECT datname FROM pg_database",
        )
        if database in rows:
            raise
        return {"gone": True}


def _mysql(server: dict[str, object], database: str) -> dict[str, object]:
    driver = _driver("pymysql", "MySQLdb")
    try:
        return _versions(driver.connect(**server, database=database, connect_timeout=_SECONDS))
    except driver.OperationalError as error:
        if error.args[0] != _UNKNOWN_DATABASE:
            raise
        return {"gone": True}


def _driver(*names: str) -> Any:  # noqa: ANN401 - whichever is there; all speak PEP 249
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise SystemExit(f"none of {', '.join(names)} is installed")


def _versions(connection: Any) -> dict[str, object]:  # noqa: ANN401
    return {"versions": _rows(connection, _VERSIONS)}


def _rows(connection: Any, statement: str) -> list[str]:  # noqa: ANN401
    with closing(connection):
        cursor = connection.cursor()
        cursor.execute(statement)
        return sorted(row[0] for row in cursor.fetchall())


if __name__ == "__main__":
    main()
