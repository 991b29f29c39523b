"""The minimal project, rendered and brought up once by the public commands."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rendered.processes import Backend


@pytest.fixture
def backend(project: Path, tmp_path: Path) -> Iterator[Backend]:
    """The project on a freshly migrated database, with no process running yet."""
    database = tmp_path / "app.db"
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{database}",
        "LOG_LEVEL": "WARNING",
    }
    environment.pop("REDIS_URL", None)
    python = project / ".venv/bin/python"
    upgrade = [str(python), "-m", "alembic", "upgrade", "head"]
    subprocess.run(upgrade, cwd=project, env=environment, check=True)
    backend = Backend(project, database, environment)
    backend.count_effects()
    yield backend
    backend.stop_all()
