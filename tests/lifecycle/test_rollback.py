"""A rollback takes back what an update made, and never what somebody has put into its commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lifecycle.conftest import Package, commit, write
from tests.lifecycle.test_commits import hook
from tests.project.conftest import git


def refused(package: Package, shop: Path) -> None:
    """It is, with the name of the file and the way out, and nothing has happened."""
    head = git("rev-parse", "HEAD", cwd=shop)
    run = package.headstart("update", "--rollback", cwd=shop)
    assert run.returncode == 4, run.stdout
    assert "holds more" in run.stderr
    assert "mine.py" in run.stderr
    assert f"git revert {head[:7]}" in run.stderr
    assert git("rev-parse", "HEAD", cwd=shop) == head
    assert (shop / "mine.py").read_text() == "mine\n"


def amended(shop: Path) -> None:
    write(shop / "mine.py", "mine\n")
    git("add", "--all", cwd=shop)
    git("commit", "--quiet", "--amend", "--no-edit", cwd=shop)


def test_an_amended_update_is_not_removed(package: Package, shop: Path) -> None:
    package.told("update", "--no-verify", cwd=shop)
    amended(shop)
    refused(package, shop)
    assert "--rollback" not in package.headstart("update", "--verify", cwd=shop).stdout


def test_an_update_squashed_with_own_work_is_not_removed(package: Package, shop: Path) -> None:
    package.told("update", "--no-verify", cwd=shop)
    message = git("log", "-1", "--format=%B", cwd=shop)
    write(shop / "mine.py", "mine\n")
    commit(shop)
    git("reset", "--soft", "HEAD~2", cwd=shop)
    git("commit", "--quiet", "--message", message, cwd=shop)
    refused(package, shop)


def test_resolved_conflicts_that_were_amended_are_not_removed(package: Package, torn: Path) -> None:
    package.told("update", cwd=torn, code=1)
    write(torn / "a.txt", "resolved\n")
    git("add", "a.txt", cwd=torn)
    git("-c", "core.editor=true", "cherry-pick", "--continue", cwd=torn)
    amended(torn)
    refused(package, torn)


def test_other_words_for_an_update_do_not_matter(package: Package, torn: Path) -> None:
    old = git("rev-parse", "HEAD", cwd=torn)
    package.told("update", cwd=torn, code=1)
    write(torn / "a.txt", "resolved\n")
    git("add", "a.txt", cwd=torn)
    package.told("update", "--continue", "--no-verify", cwd=torn)
    trailer = "Headstart-Template: 2.0.0"
    git("commit", "--quiet", "--amend", "-m", "Other words", "-m", trailer, cwd=torn)
    package.told("update", "--rollback", cwd=torn)
    assert git("rev-parse", "HEAD", cwd=torn) == old


def test_what_git_has_finished_can_be_taken_back(package: Package, torn: Path) -> None:
    old = git("rev-parse", "HEAD", cwd=torn)
    package.told("update", cwd=torn, code=1)
    write(torn / "a.txt", "resolved\n")
    git("add", "a.txt", cwd=torn)
    git("-c", "core.editor=true", "cherry-pick", "--continue", cwd=torn)
    package.told("update", "--rollback", cwd=torn)
    assert git("rev-parse", "HEAD", cwd=torn) == old


def test_an_update_of_an_older_headstart_can_be_taken_back(package: Package, shop: Path) -> None:
    old = git("rev-parse", "HEAD", cwd=shop)
    package.told("update", "--no-verify", cwd=shop)
    (shop / ".git/headstart/made").unlink()
    package.told("update", "--rollback", cwd=shop)
    assert git("rev-parse", "HEAD", cwd=shop) == old


def test_a_commit_is_known_though_hooks_change_it(package: Package, shop: Path) -> None:
    old = git("rev-parse", "HEAD", cwd=shop)
    hook(shop, "commit-msg", 'sed -i /Headstart-Template/d "$1"')
    hook(shop, "pre-commit", "echo own > hooked.txt; git add hooked.txt")
    package.told("update", "--no-verify", cwd=shop)
    assert "Headstart-Template" not in git("log", "-1", "--format=%B", cwd=shop)
    package.told("update", "--rollback", cwd=shop)
    assert git("rev-parse", "HEAD", cwd=shop) == old


@pytest.mark.parametrize("way", [("cherry-pick", "--abort"), ("cherry-pick", "--skip"), ("reset",)])
def test_what_git_has_aborted_leaves_no_trace(
    package: Package, torn: Path, way: tuple[str, ...]
) -> None:
    package.told("update", cwd=torn, code=1)
    git(*way, *(("--hard", "--quiet") if way == ("reset",) else ()), cwd=torn)
    assert package.told("status", cwd=torn, code=2)["backups"] == []
    assert sorted(each.name for each in (torn / ".git/headstart").iterdir()) == ["lock", "made"]
    assert git("for-each-ref", "refs/headstart", cwd=torn) == ""


def test_own_work_after_what_git_has_aborted_is_no_update(package: Package, torn: Path) -> None:
    package.told("update", cwd=torn, code=1)
    git("cherry-pick", "--abort", cwd=torn)
    write(torn / "a.txt", "mine, of a file that the update touches\n")
    head = commit(torn)
    run = package.headstart("update", "--rollback", cwd=torn)
    assert run.returncode == 4
    assert "no update to undo" in run.stderr
    assert git("rev-parse", "HEAD", cwd=torn) == head
    assert package.headstart("update", "--continue", cwd=torn).returncode == 4
