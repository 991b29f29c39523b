"""Copies of a database: made before data is lost, and put back. SQLite's own way, or the server's.

`MIGRATE_BACKUP_COMMAND` replaces them all, for a snapshot of a volume: a command line of the shell
that finds the URL in DATABASE_URL and the file to write in BACKUP_FILE.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import URL, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

from migrate.engine import make_engine
from migrate.errors import MigrationFailed, MigrationUnsafe
from migrate.kit.statements import MYSQL
from migrate.project import ROOT

FOLDER = ROOT / "var" / "backups"
GENERATED = """
SELECT table_name FROM information_schema.columns
WHERE table_schema = database() AND generation_expression <> '' ORDER BY table_name
"""
ENDINGS = {"sqlite": "db", "postgresql": "dump", "mysql": "sql", "mariadb": "sql"}


def backup(url: str, version: str, folder: Path = FOLDER) -> Path:
    """Copy the database while it is used; raises MigrationUnsafe when that cannot be done."""
    parsed = make_url(url)
    kind = parsed.get_backend_name()
    folder.mkdir(parents=True, exist_ok=True)
    name = Path(parsed.database or "database").stem
    file = folder / f"{name}_{datetime.now(UTC):%Y%m%d_%H%M%S}_{version}.{ENDINGS[kind]}"
    try:
        if own := os.environ.get("MIGRATE_BACKUP_COMMAND"):
            _run(["/bin/sh", "-c", own], {"DATABASE_URL": url, "BACKUP_FILE": str(file)})
        elif kind == "sqlite":
            _copy_sqlite(Path(str(parsed.database)), file)
        else:
            _run(_dump(parsed, file), _secrets(parsed))
    except _ProgramFailed as error:
        raise MigrationUnsafe(f"{error}\nNothing else was changed.") from error
    return file


def restore(url: str, file: Path) -> None:
    """Make the database what the copy is; whatever it holds now is gone."""
    parsed = make_url(url)
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        _copy_sqlite(file, Path(str(parsed.database)))
        return
    if kind == "postgresql":
        command = [_program("pg_restore"), "--no-owner", *_postgresql(parsed), str(file)]
    else:
        command = [_program("mariadb", "mysql"), *_mysql(parsed), str(parsed.database)]
    with _opened(file) as copy:
        try:
            _empty(url)
            _run(command, _secrets(parsed), copy.fileno())
        except (_ProgramFailed, DBAPIError) as error:
            raise MigrationFailed(
                f"{error}\nThe database was being emptied for the copy: what it held is gone, "
                "wholly or in part. Restore it again when the cause is gone."
            ) from error


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror}. Nothing was changed."
        raise MigrationUnsafe(message) from error


class _ProgramFailed(Exception):
    """A program of the server's did not come to a good end."""


def _copy_sqlite(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def _dump(url: URL, file: Path) -> list[str]:
    if url.get_backend_name() == "postgresql":
        options = ["--format=custom", f"--file={file}"]
        return [_program("pg_dump"), *options, *_postgresql(url)]
    options = ["--single-transaction", "--routines", "--triggers", f"--result-file={file}"]
    return [_mysqldump(url), *_mysql(url), *options, str(url.database)]


def _mysqldump(url: URL) -> str:
    """Return the program whose copies this server takes back."""
    with make_engine(url.render_as_string(hide_password=False)).connect() as connection:
        if getattr(connection.dialect, "is_mariadb", False):
            return _program("mariadb-dump", "mysqldump")
        program = _program("mysqldump", "mariadb-dump")
        generated = connection.execute(text(GENERATED)).scalars().first()
    if generated is not None and b"MariaDB" in subprocess.check_output([program, "--version"]):
        raise MigrationUnsafe(
            f"{generated} has generated columns, and {program}, which is MariaDB's, makes copies "
            "of them that MySQL does not take back: a backup needs MySQL's own mysqldump first on "
            "PATH, or MIGRATE_BACKUP_COMMAND. Nothing was changed; --no-backup does without."
        )
    return program


def _postgresql(url: URL) -> list[str]:
    return [
        f"--host={url.host or 'localhost'}",
        f"--port={url.port or 5432}",
        f"--username={url.username or 'postgres'}",
        f"--dbname={url.database}",
    ]


def _mysql(url: URL) -> list[str]:
    where = [f"--host={url.host or '127.0.0.1'}", f"--port={url.port or 3306}"]
    return ["--no-defaults", *where, f"--user={url.username or 'root'}"]


def _secrets(url: URL) -> dict[str, str]:
    """Return the password where no list of processes shows it."""
    password = str(url.password or "")
    return {"PGPASSWORD": password, "MYSQL_PWD": password} if password else {}


def _program(*names: str) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    raise MigrationUnsafe(
        f"a backup needs {' or '.join(names)} on PATH, or MIGRATE_BACKUP_COMMAND. Nothing was "
        "changed; --no-backup does without."
    )


def _run(
    command: Sequence[str], environment: dict[str, str], stdin: int = subprocess.DEVNULL
) -> None:
    done = subprocess.run(
        command,
        env=os.environ | environment,
        stdin=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise _ProgramFailed(f"{Path(command[0]).name} failed: {done.stderr.strip()}")


def _empty(url: str) -> None:
    engine = make_engine(url)
    with engine.begin() as connection:
        if engine.dialect.name in MYSQL:
            connection.execute(text("SET FOREIGN_KEY_CHECKS = 0"))
            quoted = engine.dialect.identifier_preparer.quote_identifier
            for table in inspect(connection).get_table_names():
                connection.exec_driver_sql(f"DROP TABLE {quoted(table)}")
        else:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
