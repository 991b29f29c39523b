"""After a merge the project's own formatter runs, on what was mixed and was formatted before."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from bootstrap.project.formatting import formatters
from tests.lifecycle.conftest import Package, bare, commit, write
from tests.lifecycle.test_verification import MAKEFILE, PROJECT, TOOLCHAIN, checks
from tests.project.conftest import git, tree

# A formatter that is quick: it sorts lines, and fails where it is told to.
SORTS = """#!/bin/sh
test ! -f "$(dirname "$0")/fails" || exit 1
while test "$1" != --; do shift; done; shift
for file in "$@"; do LC_ALL=C sort -o "$file" "$file"; done
"""
LINES = "".join(f"x{number} = 1\n" for number in range(10, 30))


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return bare(tmp_path / "headstart")


@pytest.fixture
def shop(package: Package, tmp_path: Path) -> Path:
    """A project with a formatter; 2.0.0 adds a line where none is in order."""
    venvs = tmp_path / "environments"
    files = {
        "Makefile": MAKEFILE,
        "toolchain.yml": TOOLCHAIN.format(root=venvs),
        ".python-version": f"{platform.python_version()}\n",
        ".gitignore": "testing\n",
        "suite": "",
        "requirements.lock": "",
        "pyproject.toml": PROJECT.format("") + "[tool.black]\n",
        "mixed.py": LINES,
        "untidy.py": LINES,
        "theirs.py": LINES,
    }
    package.release("1.0.0", files)
    shop = package.new(tmp_path / "shop", "1.0.0")
    mine = LINES.replace("x10 = 1\n", "x10 = 0\n")
    write(shop / "mixed.py", mine)
    write(shop / "untidy.py", "z = 1\n" + mine)
    write(shop / "own.py", "z = 1\ny = 1\n")
    commit(shop)
    two = LINES.replace("x29 = 1\n", "x29 = 1\na = 1\n")
    package.release("2.0.0", dict.fromkeys(("mixed.py", "untidy.py", "theirs.py"), two))
    return shop


def venv_of(package: Package, shop: Path) -> Path:
    """The venv of the project, once it is there; with the formatter."""
    first = package.headstart("up", "--only", "venv", cwd=shop)
    assert first.returncode == 0, first.stdout + first.stderr
    venv = shop.parent / f"environments/shop_{platform.python_version()}"
    write(venv / "bin/black", SORTS)
    (venv / "bin/black").chmod(0o755)
    return venv


def test_what_was_merged_is_formatted_in_a_commit_of_its_own(package: Package, shop: Path) -> None:
    venv = venv_of(package, shop)
    before, files = git("rev-parse", "HEAD", cwd=shop), tree(shop)
    told = package.told("update", "--verify", cwd=shop)
    assert checks(told)["format"]["details"] == ["mixed.py"]
    assert git("show", "--format=%s", "--name-only", "HEAD", cwd=shop).splitlines() == [
        "Format what the update has merged",
        "",
        "mixed.py",
    ]
    assert (shop / "mixed.py").read_text().startswith("a = 1\nx10 = 0\n")
    assert (shop / "theirs.py").read_text().endswith("a = 1\n"), "as the template has it"
    assert (shop / "untidy.py").read_text().startswith("z = 1\n"), "it was not formatted before"
    assert (shop / "own.py").read_text() == "z = 1\ny = 1\n"
    assert git("status", "--porcelain", cwd=shop) == ""
    assert venv.is_dir()
    package.told("update", "--rollback", cwd=shop)
    assert git("rev-parse", "HEAD", cwd=shop) == before
    assert {path: each for path, each in tree(shop).items() if path in files} == files


@pytest.mark.parametrize("why", ["it fails", "nobody uses it", "only the files are checked"])
def test_else_nothing_is_formatted(package: Package, shop: Path, why: str) -> None:
    venv = venv_of(package, shop)
    if why == "it fails":
        write(venv / "bin/fails", "")
    if why == "nobody uses it":
        write(shop / "pyproject.toml", PROJECT.format(""))
        commit(shop)
    verify = "--no-verify" if why == "only the files are checked" else "--verify"
    told = package.told("update", verify, cwd=shop)
    assert "format" not in checks(told)
    assert (shop / "mixed.py").read_text().endswith("a = 1\n")
    assert git("status", "--porcelain", cwd=shop) == ""


def test_the_formatters_are_those_that_a_project_has(tmp_path: Path) -> None:
    for name in ("ruff", "isort"):
        write(tmp_path / "bin" / name, "")

    def named(*tables: str) -> list[str]:
        text = "".join(f"[tool.{name}]\n" for name in tables)
        return [Path(command[0]).name for command in formatters(text, tmp_path)]

    assert named("ruff") == ["ruff", "ruff"]
    assert named("ruff", "isort") == ["isort", "ruff"], "beside isort, ruff sorts nothing"
    assert named("ruff", "isort", "black") == ["isort"], "black is not installed"
    write(tmp_path / "bin/black", "")
    assert named("ruff", "isort", "black") == ["isort", "black"]
    assert formatters("[tool.mypy]\n", tmp_path) == ()
    assert formatters("[tool", tmp_path) == ()
