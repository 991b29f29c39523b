"""Copies of a database, made before data is lost: SQLite's own way, or by the server's program.

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

from sqlalchemy import URL, make_url, text

from migrate.engine import make_engine
from migrate.errors import MigrationUnsafe
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
            run_program(["/bin/sh", "-c", own], {"DATABASE_URL": url, "BACKUP_FILE": str(file)})
        elif kind == "sqlite":
            copy_sqlite(Path(str(parsed.database)), file)
        else:
            run_program(_dump(parsed, file), secrets(parsed))
    except ProgramFailed as error:
        raise MigrationUnsafe(f"{error}\nNothing else was changed.") from error
    return file


class ProgramFailed(Exception):
    """A program of the server's has failed."""


def copy_sqlite(source: Path, target: Path) -> None:
    """Make a file hold what another does, both of which may be in use."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def _dump(url: URL, file: Path) -> list[str]:
    if url.get_backend_name() == "postgresql":
        options = ["--format=custom", f"--file={file}"]
        return [program("pg_dump"), *options, *connection_options(url)]
    options = ["--single-transaction", "--routines", "--triggers", f"--result-file={file}"]
    return [_mysqldump(url), *connection_options(url), *options, str(url.database)]


def _mysqldump(url: URL) -> str:
    """Return the program whose copies this server takes back."""
    with make_engine(url.render_as_string(hide_password=False)).connect() as connection:
        if getattr(connection.dialect, "is_mariadb", False):
            return program("mariadb-dump", "mysqldump")
        found = program("mysqldump", "mariadb-dump")
        generated = connection.execute(text(GENERATED)).scalars().first()
    if generated is not None and b"MariaDB" in subprocess.check_output([found, "--version"]):
        raise MigrationUnsafe(
            f"{generated} has generated columns, and {found}, which is MariaDB's, makes copies "
            "of them that MySQL does not take back: a backup needs MySQL's own mysqldump first on "
            "PATH, or MIGRATE_BACKUP_COMMAND. Nothing was changed; --no-backup does without."
        )
    return found


def connection_options(url: URL) -> list[str]:
    """Return how a program of the server's reaches it; the password goes by its environment."""
    if url.get_backend_name() == "postgresql":
        where = [f"--host={url.host or 'localhost'}", f"--port={url.port or 5432}"]
        return [*where, f"--username={url.username or 'postgres'}", f"--dbname={url.database}"]
    where = [f"--host={url.host or '127.0.0.1'}", f"--port={url.port or 3306}"]
    return ["--no-defaults", *where, f"--user={url.username or 'root'}"]


def secrets(url: URL) -> dict[str, str]:
    """Return the password where no list of processes shows it."""
    password = str(url.password or "")
    return {"PGPASSWORD": password, "MYSQL_PWD": password} if password else {}


def program(*names: str) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    raise MigrationUnsafe(
        f"a backup needs {' or '.join(names)} on PATH, or MIGRATE_BACKUP_COMMAND. Nothing was "
        "changed; --no-backup does without."
    )


def run_program(
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
        raise ProgramFailed(f"{Path(command[0]).name} failed: {done.stderr.strip()}")
