"""The installed command works alone: without a checkout, without a network, on any Python.

Each runs on the oldest Python and on the newest. What is only seen with a network is `vendor`,
which takes along what a machine without one needs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from bootstrap.project import releases
from tests.installed.conftest import Machine, on_both_ends
from tests.installed.pythons import version_of

pytestmark = [pytest.mark.slow, on_both_ends]

BEFORE, NOW = (each.version for each in releases.released()[-2:])
LOG = "checking for openssl/ssl.h in /usr... no\nModuleNotFoundError: No module named '_ssl'\n"


@pytest.mark.nightly
def test_a_project_comes_up_from_what_was_vendored(machine: Machine) -> None:
    """Its proof is the project's own suite, on this Python."""
    machine.headstart("new", "shop", "--defaults")
    shop = machine.folder / "shop"
    version = ".".join(map(str, version_of(machine.python)))
    assert (shop / ".python-version").read_text().strip() == version
    for step in ("venv", "pip"):
        machine.headstart_with_a_network("up", "--only", step, cwd=shop)
    machine.headstart_with_a_network("vendor", cwd=shop)
    shutil.rmtree(shop / ".venv")
    assert "it works" in machine.headstart("up", "--offline", cwd=shop)
    assert machine.headstart("check", cwd=shop)


def test_an_older_project_is_brought_to_the_newest_template(machine: Machine) -> None:
    machine.headstart("new", "shop", "--defaults", "--version", BEFORE)
    shop = machine.folder / "shop"
    assert NOW in machine.headstart("status", cwd=shop, code=2)
    machine.headstart("update", "--no-verify", cwd=shop)
    assert f"v{NOW}" in machine.headstart("status", cwd=shop)
    assert json.loads(machine.headstart("drift", "--json", cwd=shop))["files"] == []


def test_a_fleet_is_updated_on_branches(machine: Machine) -> None:
    (machine.folder / "code").mkdir()
    for name in ("one", "two"):
        machine.headstart("new", f"code/{name}", "--defaults", "--version", BEFORE)
    listed = json.loads(machine.headstart("fleet", "status", "code", "--json", code=2))
    assert len(listed["projects"]) == 2
    machine.headstart("fleet", "update", "code")
    for name in ("one", "two"):
        assert f"headstart/update-{NOW}" in _branches(machine.folder / "code" / name)


def test_a_failed_build_is_explained(machine: Machine) -> None:
    (machine.folder / "build.log").write_text(LOG)
    assert "openssl" in machine.headstart("explain", "build.log").lower()


def _branches(project: Path) -> str:
    listed = ["git", "branch", "--list"]
    return subprocess.run(listed, cwd=project, check=True, capture_output=True, text=True).stdout
