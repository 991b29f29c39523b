"""The tables of a feature that goes are looked for where the project's settings lead."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.lifecycle.test_every_version import new
from tests.project.conftest import headstart


@pytest.fixture
def secured(tmp_path: Path) -> Path:
    """A project with a feature that has tables."""
    return new(tmp_path, "0.6.0", "preset=custom", "features=security")


def database(file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            "CREATE TABLE clients (number INTEGER);"
            "CREATE TABLE alembic_version (version_num TEXT);"
            "INSERT INTO alembic_version VALUES ('0004');"
        )


@pytest.mark.parametrize("command", [("feature", "remove", "security"), ("update",)])
def test_tables_in_the_default_database_are_not_stranded(
    secured: Path, command: tuple[str, ...]
) -> None:
    database(secured / "var/app.db")
    words = () if command[0] == "feature" else ("--to", "0.6.0", "--data", "features=[]")
    run = headstart(*command, *words, cwd=secured)
    assert run.returncode == 4, run.stdout
    assert "--drop-tables" in run.stderr


@pytest.mark.parametrize("name", ["DATABASE_URL", "database_url"])
def test_tables_in_the_database_of_the_process_environment_are_not_stranded(
    secured: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database(secured / "other.db")
    monkeypatch.setenv(name, "sqlite:///other.db")
    run = headstart("feature", "remove", "security", cwd=secured)
    assert run.returncode == 4, run.stdout
    assert "--drop-tables" in run.stderr


def test_where_there_is_no_database_a_feature_goes(
    secured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database(secured / "var/app.db")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///nowhere.db")
    run = headstart("feature", "remove", "security", "--no-verify", cwd=secured)
    assert run.returncode == 0, run.stderr
