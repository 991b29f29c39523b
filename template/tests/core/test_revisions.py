"""The code knows its revisions as Alembic does, without Alembic."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from app.core.database import Database
from app.core.revisions import DatabaseBehind, Revisions, read_revisions, require_current
from migrate.project import alembic_config

CHAIN = Revisions(known=frozenset({"1", "2", "3"}), heads=frozenset({"3"}))


def test_they_are_what_alembic_says() -> None:
    scripts = ScriptDirectory.from_config(alembic_config("sqlite://"))
    found = read_revisions()
    assert found.known == {script.revision for script in scripts.walk_revisions()}
    assert found.heads == set(scripts.get_heads())


def test_branches_and_merges_are_followed(tmp_path: Path) -> None:
    (tmp_path / "1.py").write_text("revision = '1'\ndown_revision = None\n")
    (tmp_path / "2.py").write_text('revision: str = "2"\ndown_revision: str | None = "1"\n')
    (tmp_path / "3.py").write_text('revision = "3"\ndown_revision = "1"\n')
    assert read_revisions(tmp_path).heads == {"2", "3"}
    (tmp_path / "4.py").write_text('revision = "4"\ndown_revision = ("2", "3")\n')
    assert read_revisions(tmp_path) == Revisions(frozenset("1234"), frozenset("4"))


@pytest.mark.parametrize(
    ("stored", "standing"),
    [({"3"}, "ok"), ({"2"}, "behind"), (set(), "behind"), ({"4"}, "ahead"), ({"2", "3"}, "behind")],
)
def test_a_database_stands_where_its_versions_say(stored: set[str], standing: str) -> None:
    assert CHAIN.standing(stored) == standing


async def test_nothing_starts_on_a_database_behind_the_code(database: Database) -> None:
    await require_current(database, read_revisions())
    await require_current(database, Revisions(frozenset({"0000"}), frozenset({"0000"})))
    known = read_revisions().known | {"new"}
    with pytest.raises(DatabaseBehind, match="python -m migrate upgrade"):
        await require_current(database, Revisions(known, frozenset({"new"})))


async def test_nothing_starts_on_a_database_that_was_never_migrated(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(DatabaseBehind, match="at revision none"):
        await require_current(database, CHAIN)
    await database.close()


async def test_a_database_that_is_away_does_not_keep_anybody_from_starting(away: Database) -> None:
    await require_current(away, CHAIN)
