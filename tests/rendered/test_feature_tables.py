"""A feature goes, and comes back, with rows in its tables: on every database."""

from __future__ import annotations

import os
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests import forkserver
from tests.conftest import ROOT, rendered
from tests.rendered.conftest import first_on, on_each_kind
from tests.rendered.processes import Backend

pytestmark = pytest.mark.slow

CLIENT = (
    "INSERT INTO clients (number, name, scopes, created_at) "
    "VALUES (1, 'till', '[]', '2026-01-01 00:00:00')"
)


class Shop:
    """A project on a database, by the commands of its people."""

    def __init__(self, folder: Path, everything: Path, url: str, *features: str) -> None:
        chosen = f"features=[{', '.join(features)}]"
        self.at = rendered(folder, "preset=custom", chosen, "safe_migrations=true")
        (self.at / ".venv").symlink_to(everything / ".venv")
        (self.at / ".env").write_text(f"DATABASE_URL={url}\n")
        self.database = Backend(self.at, url, dict(os.environ))

    def headstart(self, *arguments: str) -> CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        command = ("-m", "bootstrap", *arguments)
        return forkserver.of_headstart().run(*command, cwd=self.at, env=environment)

    def done(self, *arguments: str) -> None:
        run = self.headstart(*arguments)
        assert run.returncode == 0, run.stdout + run.stderr

    def migrate(self, *arguments: str, code: int = 0) -> str:
        run = self.database.done("-m", "migrate", *arguments)
        assert run.returncode == code, run.stdout + run.stderr
        return run.stdout + run.stderr

    def fits(self) -> None:
        """The database is what the models say, and the revisions are in order."""
        self.migrate("upgrade")
        self.migrate("check", "--db")

    def clients(self) -> int:
        ((count,),) = self.database.query("SELECT count(*) FROM clients")
        return int(str(count))


@first_on("sqlite", "postgresql")
def test_tables_go_with_a_feature_and_come_back_with_it(
    tmp_path: Path, everything: Path, database_url: str
) -> None:
    shop = Shop(tmp_path, everything, database_url, "operations", "security")
    shop.fits()
    shop.database.execute(CLIENT)
    for command in (("--preview",), ()):
        refused = shop.headstart("feature", "remove", "security", *command)
        assert refused.returncode == 4, refused.stdout
        assert "--drop-tables" in refused.stderr
        assert "python -m migrate downgrade 0003" in refused.stderr
    shop.done("feature", "remove", "security", "--drop-tables")
    assert "clients: 1 rows" in shop.migrate("upgrade", code=3)
    shop.migrate("upgrade", "--yes", "--no-backup")
    shop.fits()
    shop.done("feature", "add", "security")
    shop.fits()
    assert shop.clients() == 0
    shop.done("feature", "remove", "security", "--drop-tables")
    shop.fits()
    shop.migrate("downgrade", "0003")
    shop.migrate("upgrade")


@on_each_kind
def test_a_database_that_was_brought_back_first_needs_no_revision(
    tmp_path: Path, everything: Path, database_url: str
) -> None:
    shop = Shop(tmp_path, everything, database_url, "idempotency", "operations", "security")
    shop.fits()
    shop.migrate("downgrade", "0003", "--yes", "--no-backup")
    shop.done("feature", "remove", "security")
    assert len(list((shop.at / "migrate/versions").glob("*.py"))) == 3
    shop.done("feature", "remove", "idempotency", "--drop-tables")
    shop.fits()


def test_a_database_that_cannot_be_asked_may_have_the_tables(
    tmp_path: Path, everything: Path
) -> None:
    url = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"
    shop = Shop(tmp_path, everything, url, "security")
    refused = shop.headstart("feature", "remove", "security")
    assert refused.returncode == 4
    assert "could not be asked" in refused.stderr
    (shop.at / ".env").unlink()
    shop.done("feature", "remove", "security")
