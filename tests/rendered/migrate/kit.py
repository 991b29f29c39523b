"""A rendered project's migration kit with revisions of the test's own, on a database of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from tests.forkserver import Forked, ForkServer, fork_server
from tests.rendered.processes import LIBRARIES
from tests.rendered.servers import engine_of

REVISION = '''"""{message}

Revision ID: {id}
Revises: {parent}
Create Date: 2026-01-01 00:00:00+00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "{id}"
down_revision = {parent!r}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the database to this revision."""
{up}


def downgrade() -> None:
    """Bring the database back to the revision before."""
{down}
'''
CODE = ("app", "migrate")
Done = subprocess.CompletedProcess[str]


@dataclass
class Kit:
    """The project's `migrate` package, to which the test adds revisions and commands."""

    folder: Path
    python: str
    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What every command gets."""
        own = {"DATABASE_URL": self.url, "PYTHONPATH": str(self.folder)}
        # What a test edits twice in a second must be read twice.
        own |= {"PYTHONDONTWRITEBYTECODE": "1"}
        # Revisions of tests are as dangerous as they are; lint has tests of its own.
        own |= {"MIGRATE_ACCEPT": "all"}
        # PyMySQL reads all authorities of the machine for each connection, 40 ms of CPU.
        own |= {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}
        return os.environ | own

    def write(self, id_: str, parent: str | None, up: str, down: str = "pass") -> Path:
        """Write a revision with these bodies, and the file HEAD."""
        bodies = {"up": _indented(up), "down": _indented(down)}
        path = self.folder / f"migrate/versions/{id_}.py"
        text = REVISION.format(id=id_, parent=parent, message=f"revision {id_}", **bodies)
        path.write_text(text, "utf-8")
        (self.folder / "migrate/HEAD").write_text(f"{id_}\n")
        return path

    @property
    def interpreter(self) -> ForkServer:
        return fork_server(self.python, LIBRARIES)

    def start(self, *command: str, **settings: str) -> Forked:
        """Start `python -m COMMAND`, with its errors among its output."""
        environment = self.environment | settings
        return self.interpreter.start("-m", *command, cwd=self.folder, env=environment)

    def run(self, *command: str, **settings: str) -> Done:
        """Run `python -m COMMAND` to whatever end, with its errors among its output."""
        environment = self.environment | settings
        return self.interpreter.run(
            "-m", *command, cwd=self.folder, env=environment, merged=True, timeout=300
        )

    def migrate(self, *arguments: str, code: int = 0, **settings: str) -> str:
        """Run `python -m migrate ARGUMENTS`, which must end with that code; return its words."""
        done = self.run("migrate", *arguments, **settings)
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def events(self, *arguments: str, code: int = 0) -> list[dict[str, object]]:
        """Run it with --json; return the events."""
        return [
            json.loads(line) for line in self.migrate(*arguments, "--json", code=code).splitlines()
        ]

    def program(self, text: str, **settings: str) -> str:
        """Run a program of the test's own among the project's packages; return its output."""
        environment = self.environment | settings
        words = ("-c", textwrap.dedent(text))
        done = self.interpreter.run(*words, cwd=self.folder, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with engine_of(self.url).connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(sql))]

    def value(self, sql: str) -> object:
        return self.query(sql)[0][0]

    def execute(self, *statements: str) -> None:
        with engine_of(self.url).connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def version(self) -> set[object]:
        if "alembic_version" not in self.tables():
            return set()
        return {row[0] for row in self.query("SELECT version_num FROM alembic_version")}

    def tables(self) -> set[str]:
        return set(sa.inspect(engine_of(self.url)).get_table_names())

    def columns(self, table: str) -> set[str]:
        return {column["name"] for column in sa.inspect(engine_of(self.url)).get_columns(table)}


def copy_of(project: Path, folder: Path, url: str) -> Kit:
    """Copy the project's code without its revisions, to be run by its own environment."""
    kit = whole_copy_of(project, folder, url)
    shutil.rmtree(folder / "migrate/versions")
    (folder / "migrate/versions").mkdir()
    return kit


def whole_copy_of(project: Path, folder: Path, url: str) -> Kit:
    """Copy the project's code with its revisions, all of it compiled."""
    compiled(project)
    for name in CODE:
        shutil.copytree(project / name, folder / name)
    for name in ("alembic.ini", "pyproject.toml"):
        shutil.copy(project / name, folder)
    return Kit(folder, str(project / ".venv/bin/python"), url)


@cache
def compiled(project: Path) -> None:
    """Compile the project's code once, for all that are forked with a copy of it."""
    folders = [str(project / name) for name in CODE]
    subprocess.run([project / ".venv/bin/python", "-m", "compileall", "-q", *folders], check=True)


def _indented(body: str) -> str:
    return textwrap.indent(textwrap.dedent(body).strip(), "    ")
