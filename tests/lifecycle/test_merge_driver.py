"""Two branches, each with an update of the template and edits of its own, merge."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bootstrap.machine.steps.checkout import MERGE_CONFIG
from tests.conftest import ROOT
from tests.lifecycle.conftest import commit, write
from tests.lifecycle.test_every_version import brought, new
from tests.project.conftest import git, tree

ANSWERS = ".copier-answers.yml"
OLDER, NEWER = "0.2.0", "0.5.0"  # whose updates of 0.1.0 leave the ends of these files alone


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of 0.1.0 whose git knows the driver, and a `headstart` on PATH."""
    shop = new(tmp_path / "project", "0.1.0")
    program = tmp_path / "bin/headstart"
    write(program, f'#!/bin/sh\nPYTHONPATH={ROOT} exec {ROOT}/.venv/bin/python -m bootstrap "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    git("branch", "--move", "main", cwd=shop)
    config = shop / ".git/config"
    config.write_text("\n".join([config.read_text(), *MERGE_CONFIG, ""]))
    return shop


def branch(shop: Path, name: str, version: str, *mine: str) -> None:
    """A branch with an update, and lines of its own at the end of files."""
    git("checkout", "--quiet", "-b", name, "main", cwd=shop)
    for path in mine:
        write(shop / path, (shop / path).read_text() + f"# {name}\n")
        commit(shop)
    brought(shop, "update", "--to", version, "--no-verify")


def merge(shop: Path, into: str, other: str) -> subprocess.CompletedProcess[str]:
    git("checkout", "--quiet", into, cwd=shop)
    words = ["git", "merge", "--no-edit", other]
    return subprocess.run(words, cwd=shop, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("into", ["older", "newer"])
def test_two_updates_and_the_edits_of_both_merge(shop: Path, into: str) -> None:
    branch(shop, "older", OLDER, "Makefile", ".gitignore")
    branch(shop, "newer", NEWER, "README.md")
    newer = tree(shop)
    other = {"older": "newer", "newer": "older"}[into]
    run = merge(shop, into, other)
    assert run.returncode == 0, run.stdout
    merged = tree(shop)
    for path in ("Makefile", ".gitignore"):
        assert merged.pop(path)[1].endswith(b"# older\n")
        newer.pop(path)
    assert merged == newer
    assert brought(shop, "update", "--preview", "--to", NEWER)["from"] == f"v{NEWER}"


@pytest.mark.slow
def test_an_update_is_put_on_top_of_another(shop: Path) -> None:
    branch(shop, "older", OLDER, ".gitignore")
    branch(shop, "newer", NEWER, "Makefile")
    newer = tree(shop)
    git("rebase", "--quiet", "newer", "older", cwd=shop)
    rebased = tree(shop)
    assert rebased.pop(".gitignore")[1].endswith(b"# older\n")
    newer.pop(".gitignore")
    assert rebased == newer


@pytest.mark.slow
def test_what_both_have_changed_is_left_to_them(shop: Path) -> None:
    branch(shop, "older", OLDER, "Makefile")
    branch(shop, "newer", NEWER, "Makefile")
    git("checkout", "--quiet", "older", cwd=shop)
    run = merge(shop, "older", "newer")
    assert [line for line in run.stdout.splitlines() if line.startswith("CONFLICT")] == [
        "CONFLICT (content): Merge conflict in Makefile"
    ]
    text = (shop / "Makefile").read_text()
    assert "<<<<<<< ours\n# older\n" in text


def test_other_files_merge_as_git_merges_them(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without headstart on PATH; binary ones, and attributes of the project's own too."""
    lines = "".join(f"{number}\n" for number in range(9))
    write(shop / "notes.txt", lines)
    write(shop / "both.txt", "begun\n")
    write(shop / "picture", bytes(range(256)))
    write(shop / ".gitattributes", "both.txt merge=union\n")
    commit(shop)
    for name, first in (("one", "0"), ("two", "8")):
        git("checkout", "--quiet", "-b", name, "main", cwd=shop)
        write(shop / "notes.txt", lines.replace(first, name))
        write(shop / "both.txt", f"begun\n{name}\n")
        write(shop / "picture", bytes(range(256)) + name.encode())
        commit(shop)
    for found in (True, False):
        if not found:
            monkeypatch.setenv("PATH", os.defpath)
            assert shutil.which("headstart") is None
        run = merge(shop, "two", "one")
        assert "content" in run.stdout
        assert git("diff", "--name-only", "--diff-filter=U", cwd=shop) == "picture"
        assert (shop / "notes.txt").read_text() == "one\n1\n2\n3\n4\n5\n6\n7\ntwo\n"
        assert set((shop / "both.txt").read_text().split()) == {"begun", "one", "two"}
        git("merge", "--abort", cwd=shop)
