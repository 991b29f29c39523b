"""What is said after an update, with the real template and its own tools."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.project import releases
from tests.conftest import install, rendered
from tests.lifecycle.conftest import commit, write
from tests.project.conftest import git, headstart, tree

BROKEN = '"""Mine."""\n\nimport os\n'
OLDER = releases.released()[1].version  # 0.2.0: 0.1.0 has revisions that are no more
MINE = '''\
"""{0}"""

revision = "{0}"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
'''


@pytest.mark.slow
def test_the_project_s_own_tools_judge_and_the_rollback_brings_back_the_very_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv installs, which is quick; ruff finds an edit that no merge could have."""
    monkeypatch.setenv("HEADSTART_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    made = ("new", "shop", "--defaults", "--version", OLDER)
    assert headstart(*made, cwd=tmp_path).returncode == 0
    shop = tmp_path / "shop"
    for name, old, new in (
        ("toolchain.yml", "installer: pip", "installer: uv"),
        ("pyproject.toml", "\ndependencies = [", '\ndependencies = [\n    "iniconfig>=2",'),
    ):
        write(shop / name, (shop / name).read_text().replace(old, new))
    write(shop / "app/mine.py", BROKEN)
    before, files = commit(shop), tree(shop)
    run = headstart("update", "--to", "HEAD", "--verify", "--json", cwd=shop)
    assert run.returncode == 0, run.stdout + run.stderr
    told = json.loads(run.stdout)
    checks = {check["name"]: check for check in told["verification"]["checks"]}
    endings = {name: check["ending"] for name, check in checks.items()}
    passed = dict.fromkeys(("files", "revisions", "lock", "environment", "make test"), "passed")
    assert endings == {**passed, "make check": "open"}
    assert checks["make check"]["told"].startswith("failed before the update too")
    assert any("F401" in line for line in checks["make check"]["details"])
    assert "iniconfig" in git("show", "HEAD:requirements.lock", cwd=shop)
    assert "passed" in checks["make test"]["told"]
    assert headstart("update", "--rollback", cwd=shop).returncode == 0
    assert git("rev-parse", "HEAD", cwd=shop) == before
    assert {path: each for path, each in tree(shop).items() if path in files} == files
    assert git("status", "--porcelain", cwd=shop) == ""


@pytest.mark.slow
@pytest.mark.parametrize("stated", ["a1", "0001"])
def test_two_newest_revisions_are_joined_by_the_advice(tmp_path: Path, stated: str) -> None:
    """In a conflict, where both sides have changed migrate/HEAD; else after the update."""
    shop = rendered(tmp_path)
    install(shop, shop / "requirements-dev.lock")
    for name in ("a1", "b1"):
        write(shop / f"migrate/versions/20261123_0001_{name}.py", MINE.format(name))
    write(shop / "migrate/HEAD", f"{stated}\n")
    commit(shop)
    run = headstart("feature", "add", "idempotency", "--json", cwd=shop)
    assert run.returncode == 1, run.stdout + run.stderr
    told = json.loads(run.stdout)
    if stated == "a1":
        (conflict,) = [each for each in told["files"] if "advice" in each]
        assert conflict["path"] == "migrate/HEAD"
        follow(conflict["advice"], shop)
        run = headstart("update", "--continue", "--json", cwd=shop)
        assert run.returncode == 0, run.stdout + run.stderr
        told = json.loads(run.stdout)
        checks = {check["name"]: check for check in told["verification"]["checks"]}
        assert checks["revisions"]["ending"] == "passed"
    else:
        checks = {check["name"]: check for check in told["verification"]["checks"]}
        follow(checks["revisions"]["next"], shop)
    follow("python -m migrate check", shop)


def follow(advice: str, shop: Path) -> None:
    """Do what the advice says, in the project's venv."""
    environ = os.environ | {"PATH": f"{shop / '.venv/bin'}:{os.environ['PATH']}"}
    subprocess.run(["/bin/sh", "-c", advice], cwd=shop, env=environ, check=True)


@pytest.mark.slow
def test_a_first_project_with_a_revision_of_its_own_updates_to_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The template of 0.1.0 had no migrate/HEAD, and it arrives with the newest of the project."""
    monkeypatch.setenv("HEADSTART_STATE_DIR", str(tmp_path / "state"))
    oldest = releases.released()[0].version
    assert headstart("new", "shop", "--defaults", "--version", oldest, cwd=tmp_path).returncode == 0
    shop = tmp_path / "shop"
    write(shop / "migrate/versions/20261123_0001_mine.py", MINE.format("mine"))
    commit(shop)
    run = headstart("update", "--json", cwd=shop)
    assert run.returncode == 0, run.stdout + run.stderr
    checks = {check["name"]: check for check in json.loads(run.stdout)["verification"]["checks"]}
    assert checks["revisions"]["told"] == "one line of them, up to mine"
    assert (shop / "migrate/HEAD").read_text() == "mine\n"
