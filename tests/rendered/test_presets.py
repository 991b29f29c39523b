"""The presets that are a team's whole set-up: each passes the gates, and comes up from nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import headstart, package_index, rendered
from tests.rendered.gates import pass_cheap_gates, run, traces
from tests.rendered.matrix import slices
from tests.rendered.servers import SqlServer
from tests.rendered.test_services import on
from tests.toolbox import state_with_poetry

pytestmark = pytest.mark.slow

TEAMS = ("enterprise", "gitops")
of_each_team = pytest.mark.parametrize("preset", TEAMS)


@of_each_team
def test_a_preset_passes_the_gates_with_what_it_says_and_no_more(
    tmp_path: Path, everything: Path, preset: str
) -> None:
    shop = rendered(tmp_path, f"preset={preset}")
    answers = yaml.safe_load((shop / ".copier-answers.yml").read_text("utf-8"))
    assert answers["database"] == "mysql"
    assert answers["workflow"] == {"enterprise": "none", "gitops": "git-flow"}[preset]
    has = {*answers["features"], "safe_migrations"}
    assert traces(shop, *(each for each in slices() if each not in has)) == []
    pass_cheap_gates(shop, everything)


@pytest.mark.nightly
@of_each_team
def test_a_preset_comes_up_from_nothing_and_passes_its_own_tests(
    tmp_path: Path, mariadb: SqlServer, monkeypatch: pytest.MonkeyPatch, preset: str
) -> None:
    """On a MariaDB, which stands in for MySQL."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("POETRY_PYPI_MIRROR_URL", package_index())
    where = (f"venv_root={tmp_path / 'venvs'}",) if preset == "enterprise" else ()
    shop = rendered(tmp_path, f"preset={preset}", f"project_name={preset}", *where)
    on(shop, mariadb)
    state = state_with_poetry(tmp_path / "state")
    headstart("up", cwd=shop, state=state)
    run(["make", "test"], shop, TEST_DATABASE_URL=mariadb.new_database())
    run(["make", "check"], shop)
    assert "as pinned" in headstart("check", cwd=shop, state=state)
