"""The kit of a rendered project, with no revision and an empty database yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rendered.migrate.kit import Kit, copy_of

# Where DDL commits by itself, so that a revision can stay half applied.
where_ddl_stays = pytest.mark.parametrize("database_url", ["mariadb", "mysql"], indirect=True)


@pytest.fixture
def kit(everything: Path, tmp_path: Path, database_url: str) -> Kit:
    return copy_of(everything, tmp_path / "kit", database_url)


@pytest.fixture
def plain(without_kit: Path, tmp_path: Path, database_url: str) -> Kit:
    """The same without the kit: Alembic and its guards."""
    return copy_of(without_kit, tmp_path / "plain", database_url)
