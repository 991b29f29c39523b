"""Is the database at the head of the project's migrations?"""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bootstrap.language import Said
from bootstrap.machine.facts import services
from bootstrap.machine.facts.dotenv import setting
from bootstrap.machine.runner import clean_environment, probe_project
from bootstrap.processes import probe
from bootstrap.revision import Revision, heads_of, parse_revision

if TYPE_CHECKING:
    from bootstrap.machine.facts.packages import PackagesFact
    from bootstrap.machine.facts.services import Greet, TakenPort
    from bootstrap.machine.pins import MigrationsPin, Pins

DATABASE_URL = "DATABASE_URL"
_ALEMBIC_VERSION = Path(__file__).with_name("alembic_version.py")
_BEHIND = "Database is not on all head revisions"  # as Alembic says it
_SERVERS = {"postgresql", "mysql", "mariadb"}


class MigrationsFact(NamedTuple):
    """`why` says why the database is not (known to be) at `heads`; None when it is.

    `gone` is whether its server answers, and has no such database. `taken` is what listens where
    that server should.
    """

    heads: tuple[str, ...]
    why: str | None
    gone: bool = False
    taken: TakenPort | None = None


def look(pins: Pins, packages: PackagesFact, greet: Greet = services.greet) -> MigrationsFact:
    if pins.migrations is None:
        return MigrationsFact((), None)
    heads = heads_of(revisions_of(pins.migrations))
    if not heads:
        return MigrationsFact((), None)
    url = setting(pins, DATABASE_URL)
    if database := sqlite_path(url, pins.root):
        return MigrationsFact(heads, _behind(heads, _sqlite_version(database)))
    is_served = _is_servers(url) and services.is_served(url)
    if is_served and (taken := services.taken_by(services.service_of(url), greet)):
        return MigrationsFact(heads, taken.shown, taken=taken)
    if packages.why is not None:
        why = Said("the database can only be asked once the packages are installed")
        return MigrationsFact(heads, why)
    return _ask_driver(pins, url, heads) or MigrationsFact(heads, _ask_alembic(pins))


def sqlite_path(url: str, root: Path) -> Path | None:
    """The file of a SQLite URL, relative ones being the project's; None for any other database."""
    scheme, separator, rest = url.partition("://")
    path = rest.partition("?")[0]
    is_file = path.startswith("/") and path[1:] not in {"", ":memory:"}
    if not separator or scheme.partition("+")[0] != "sqlite" or not is_file:
        return None
    return None if path.startswith("/file:") else root / path[1:]


def revisions_of(migrations: MigrationsPin) -> tuple[Revision, ...]:
    """Every revision, read without importing it."""
    return tuple(
        revision
        for file in sorted(migrations.versions.glob("*.py"))
        if (revision := parse_revision(file.read_text(encoding="utf-8", errors="replace")))
    )


def _sqlite_version(database: Path) -> tuple[str, ...] | None:
    """What `alembic_version` holds; None when the database or the table is not there yet."""
    if not database.is_file():
        return None
    import sqlite3  # noqa: PLC0415 - only SQLite projects pay for it

    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.Error:
        return None
    return tuple(sorted(str(row[0]) for row in rows))


def _behind(heads: tuple[str, ...], current: tuple[str, ...] | None) -> str | None:
    if current == heads:
        return None
    code = ", ".join(heads)
    if not current:
        return Said("the database is empty, the code is at {heads}", heads=code)
    at = ", ".join(current)
    return Said("the database is at {at}, the code is at {heads}", at=at, heads=code)


def _ask_driver(pins: Pins, url: str, heads: tuple[str, ...]) -> MigrationsFact | None:
    """What the project's driver finds, for a quarter of what Alembic costs; None: ask Alembic."""
    if not (_is_servers(url) and services.is_served(url)):
        return None
    argv = (str(pins.venv_python), "-I", str(_ALEMBIC_VERSION))
    environ = clean_environment(os.environ, pins) | {DATABASE_URL: url}
    answer = probe(argv, environ=environ)
    if answer.code != 0:
        return None
    found = json.loads(answer.output.splitlines()[-1])
    if found.get("gone"):
        return MigrationsFact(heads, Said("its server has no such database"), gone=True)
    return MigrationsFact(heads, _behind(heads, tuple(found["versions"])))


def _is_servers(url: str) -> bool:
    return services.kind_of(url) in _SERVERS


def _ask_alembic(pins: Pins) -> str | None:
    argv = (str(pins.venv_python), "-m", "alembic", "current", "--check-heads")
    answer = probe_project(argv, pins)
    if answer.code == 0:
        return None
    if _BEHIND in answer.output:
        return Said("the database is not at the head of the migrations")
    said = [line.strip() for line in answer.output.splitlines() if line.strip()]
    return Said(
        "Alembic cannot tell where the database is: {said}",
        said=said[-1][:200] if said else Said("no word"),
    )
