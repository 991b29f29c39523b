"""What is rendered is for every Python from 3.11: its suite passes on each of them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import install, rendered
from tests.installed import pythons

pytestmark = pytest.mark.slow


@pytest.mark.nightly
@pytest.mark.parametrize("minor", ["3.12"])
def test_the_suite_of_a_render_passes(minor: str, tmp_path: Path) -> None:
    """3.11 and 3.14 are seen by test_offline.py, and 3.13 is the `project` of the other tests."""
    python = pythons.of(minor)
    version = ".".join(map(str, pythons.version_of(python)))
    shop = rendered(tmp_path, f"python_version={version}")
    install(shop, shop / "requirements-dev.lock", python)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PYTHON"))}
    suite = [str(shop / ".venv/bin/python"), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        suite, cwd=shop, env=inherited, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
