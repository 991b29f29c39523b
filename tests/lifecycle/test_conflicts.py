"""Conflicts are what git left open, and nothing that looks like it; no marker is ever committed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lifecycle.conftest import TEN, Package, commit, write
from tests.project.conftest import git

BLOCK = "<<<<<<< HEAD\nmine\n=======\ntheirs\n>>>>>>> x\n"


@pytest.fixture
def wide(torn: Path) -> Path:
    """A project whose conflict markers are longer than usual."""
    write(torn / ".gitattributes", "*.txt conflict-marker-size=32\n")
    commit(torn)
    return torn


def test_markers_of_any_size_are_found(package: Package, wide: Path) -> None:
    package.told("update", cwd=wide, code=1)
    assert "<" * 32 in (wide / "a.txt").read_text()
    git("add", "a.txt", cwd=wide)
    run = package.headstart("update", "--continue", cwd=wide)
    assert run.returncode == 1
    assert "a.txt" in run.stderr


def test_half_of_a_conflict_that_is_left_is_found(package: Package, torn: Path) -> None:
    package.told("update", cwd=torn, code=1)
    kept = (line for line in (torn / "a.txt").read_text().splitlines() if ">>>>" not in line)
    write(torn / "a.txt", "\n".join(kept))
    git("add", "a.txt", cwd=torn)
    assert package.headstart("update", "--continue", cwd=torn).returncode == 1


def test_what_is_to_be_committed_counts_and_not_what_lies_there(
    package: Package, torn: Path
) -> None:
    package.told("update", cwd=torn, code=1)
    git("add", "a.txt", cwd=torn)
    write(torn / "a.txt", "resolved, and not added\n")
    assert package.headstart("update", "--continue", cwd=torn).returncode == 1
    git("add", "a.txt", cwd=torn)
    assert package.told("update", "--continue", cwd=torn)["commit"]


def test_markers_in_a_file_that_was_moved_are_found(package: Package, torn: Path) -> None:
    package.told("update", cwd=torn, code=1)
    git("add", "a.txt", cwd=torn)
    git("mv", "a.txt", "moved.txt", cwd=torn)
    run = package.headstart("update", "--continue", cwd=torn)
    assert run.returncode == 1
    assert "moved.txt" in run.stderr


@pytest.mark.parametrize("name", ["a.txt", "deep/c.txt", "mine.md"])
def test_text_that_looks_like_a_conflict_is_in_nobody_s_way(
    package: Package, torn: Path, name: str
) -> None:
    package.release("3.0.0", {"deep/c.txt": "c\n" + TEN})
    was = (torn / name).read_text() if (torn / name).exists() else ""
    write(torn / name, BLOCK + was)
    commit(torn)
    package.told("update", cwd=torn, code=1)
    if name != "a.txt":
        write(torn / "a.txt", "resolved\n")
    else:
        write(torn / "a.txt", BLOCK + "resolved\n")
    write(torn / "mine.md", BLOCK)
    git("add", "--all", cwd=torn)
    assert package.told("update", "--continue", cwd=torn)["commit"]
