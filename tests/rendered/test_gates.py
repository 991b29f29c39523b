"""A rendered project passes its own gates, and the template passes them where it lies."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, rendered
from tests.rendered.gates import TEMPLATE, residue, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("project")]


def test_make_check_passes(project: Path) -> None:
    run(["make", "check"], project)


def test_make_test_passes(project: Path) -> None:
    assert re.search(r"\b\d+ passed", run(["make", "test"], project))


def test_make_smoke_passes(project: Path) -> None:
    assert "its job is done" in run(["make", "smoke"], project)


@pytest.mark.parametrize(("kind", "package"), [("postgresql", "asyncpg"), ("mysql", "asyncmy")])
def test_a_driver_that_is_missing_is_named(project: Path, kind: str, package: str) -> None:
    command = [".venv/bin/python", "-m", "app", "api"]
    environment = os.environ | {"DATABASE_URL": f"{kind}://nobody@127.0.0.1/nothing"}
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    (last,) = done.stderr.strip().splitlines()[-1:]
    assert f"this project has no {package}: add {package} and" in last


def test_the_lock_is_what_make_lock_writes(project: Path) -> None:
    run(["make", "lock"], project)
    assert run(["git", "status", "--porcelain", "--", "*.lock"], project) == ""


def test_a_migration_is_written_from_the_models(project: Path) -> None:
    model = project / "app/modules/profiles/models.py"
    before = model.read_text("utf-8")
    versions = project / "migrate/versions"
    known = set(versions.iterdir())
    try:
        column = "    nickname: Mapped[str | None] = mapped_column(String(50))\n    created_at"
        model.write_text(before.replace("    created_at", column, 1), "utf-8")
        run(["make", "migration", "m=nicknames"], project)
        (written,) = (path for path in set(versions.iterdir()) - known if path.suffix == ".py")
        assert 'sa.Column("nickname", sa.String(length=50), nullable=True)' in written.read_text()
        run([".venv/bin/ruff", "check", str(written)], project)
        run([".venv/bin/ruff", "format", "--check", str(written)], project)
        written.unlink()
        run(["git", "checkout", "--", "migrate/HEAD"], project)
    finally:
        model.write_text(before, "utf-8")


def test_the_template_type_checks_in_place(everything: Path) -> None:
    mypy = str(everything / ".venv/bin/mypy")
    run([mypy, "--config-file", str(everything / "pyproject.toml")], TEMPLATE)


def test_the_render_lints_by_the_rules_of_the_template_in_place() -> None:
    run([sys.executable, "-m", "ruff", "check", "template"], ROOT)
    run([sys.executable, "-m", "ruff", "format", "--check", "template"], ROOT)


def test_nothing_of_the_template_is_left_in_a_render(project: Path) -> None:
    assert residue(project) == []


@pytest.mark.parametrize("left", ["{{ project_name }}", "{% if features %}", "{# why #}"])
def test_what_the_template_leaves_is_found_in_any_file(tmp_path: Path, left: str) -> None:
    shop = rendered(tmp_path, "features=[security, github]")
    assert residue(shop) == []
    planted = ("app/main.py", "app/features/security/keys.py", "docs/security.md", "README.md")
    for name in planted:
        with (shop / name).open("a", encoding="utf-8") as file:
            file.write(f"# {left}\n")
    assert residue(shop) == sorted(f"{name} still has Jinja in it" for name in planted)
