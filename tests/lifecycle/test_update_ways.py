"""What git allows beside the usual: its split index, settings of a process, names of folders."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.lifecycle.conftest import Package, commit, write
from tests.lifecycle.test_update_killed import state
from tests.project.conftest import Run, git


def test_a_split_index_is_put_back_whole(package: Package, torn: Path) -> None:
    for name, value in (
        ("core.splitIndex", "true"),
        ("splitIndex.sharedIndexExpire", "now"),
        ("splitIndex.maxPercentChange", "0"),
    ):
        git("config", name, value, cwd=torn)
    git("update-index", "--split-index", cwd=torn)
    old = state(torn)
    package.told("update", cwd=torn, code=1)
    package.told("update", "--abort", cwd=torn)
    assert git("status", "--porcelain", cwd=torn) == ""
    assert state(torn) == old


def test_what_git_forgets_on_request_can_be_continued(package: Package, torn: Path) -> None:
    package.told("update", cwd=torn, code=1)
    git("cherry-pick", "--quit", cwd=torn)
    write(torn / "a.txt", "resolved\n")
    git("add", "a.txt", cwd=torn)
    assert "--continue" in package.headstart("status", cwd=torn).stderr
    package.told("update", "--continue", "--no-verify", cwd=torn)
    assert "Headstart-Template: v2.0.0" in git("log", "-1", "--format=%B", cwd=torn)
    assert git("log", "-1", "--format=%an", cwd=torn) == "Ada"


def test_settings_of_the_process_count(package: Package, shop: Path, home: Path) -> None:
    (home / "gitconfig").write_text("")
    settings = {"user.name": "Eve", "user.email": "eve@example.org"}
    environ = {"GIT_CONFIG_COUNT": "2"}
    for number, (name, value) in enumerate(settings.items()):
        environ |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    run = package.headstart("update", "--no-verify", cwd=shop, **environ)
    assert run.returncode == 0, run.stderr
    assert git("log", "-1", "--format=%an", cwd=shop) == "Eve"


def test_a_folder_with_a_line_break_in_its_name_is_refused_in_words(
    package: Package, shop: Path, tmp_path: Path
) -> None:
    there = Path(shutil.move(shop, tmp_path / "a\nb"))
    run = package.headstart("update", cwd=there)
    assert run.returncode == 4
    assert "line break" in run.stderr


def test_a_folder_may_have_any_other_name(package: Package, shop: Path, tmp_path: Path) -> None:
    there = Path(shutil.move(shop, tmp_path / "a\u2028b"))
    package.told("update", "--no-verify", cwd=there)
    assert git("status", "--porcelain", cwd=there) == ""


def test_what_cannot_be_stashed_is_not_said_to_be(package: Package, shop: Path) -> None:
    (shop / "new").mkdir()
    git("init", "--quiet", "new", cwd=shop)
    run = package.headstart("update", cwd=shop)
    assert run.returncode == 4
    assert "git stash" not in run.stderr
    assert "new/" in run.stderr
    shutil.rmtree(shop / "new")
    write(shop / ".git/info/exclude", "*.log\n")
    write(shop / "e.txt/x.log", "x\n")
    run = package.headstart("update", cwd=shop)
    assert run.returncode == 4
    assert "git stash" not in run.stderr
    assert f"e.txt{os.sep}x.log" in run.stderr


def test_an_update_writes_into_no_submodule(package: Package, shop: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git("init", "--quiet", str(other), cwd=tmp_path)
    write(other / "o.txt", "o\n")
    commit(other)
    allowed = ("-c", "protocol.file.allow=always")
    git(*allowed, "submodule", "--quiet", "add", str(other), "new", cwd=shop)
    commit(shop)
    old = state(shop)
    run = package.headstart("update", cwd=shop)
    assert run.returncode == 4
    assert "git mv new NAME" in run.stderr
    assert state(shop) == old
    git("mv", "new", "elsewhere", cwd=shop)
    commit(shop)
    package.told("update", "--no-verify", cwd=shop)
    assert (shop / "new/d.txt").read_text() == "d\n"
    assert (shop / "elsewhere/o.txt").read_text() == "o\n"


def test_an_answers_file_that_is_a_link_is_said_to_be_one(package: Package, shop: Path) -> None:
    (shop / "cfg").mkdir()
    git("mv", ".copier-answers.yml", "cfg/a.yml", cwd=shop)
    (shop / ".copier-answers.yml").symlink_to("cfg/a.yml")
    head = commit(shop)
    for command in (("update",), ("status",), ("link", "--yes")):
        run = package.headstart(*command, cwd=shop)
        assert run.returncode == 4
        assert "symbolic link" in run.stderr
    assert git("rev-parse", "HEAD", cwd=shop) == head


def advised(run: Run, sign: str) -> str:
    """The command of the advice that has this sign in it."""
    line = next(each for each in run.stderr.splitlines() if sign in each)
    return line[line.index("git ") :]


def run_advice(command: str, cwd: Path) -> None:
    environment = {**os.environ, "GIT_EDITOR": "echo Mine >"}
    subprocess.run(["/bin/sh", "-ec", command], cwd=cwd, check=True, env=environment)


def test_markers_committed_in_the_answers_are_taken_out_by_the_advice(
    package: Package, shop: Path
) -> None:
    answers = shop / ".copier-answers.yml"
    whole = answers.read_text()
    write(answers, f"<<<<<<< HEAD\n{whole}=======\n{whole}>>>>>>> other\n")
    commit(shop)
    write(shop / "mine.py", "mine\n")
    commit(shop)
    run = package.headstart("update", cwd=shop)
    assert run.returncode == 4
    run_advice(advised(run, "git checkout"), shop)
    assert package.told("update", "--no-verify", cwd=shop)["commit"]


def test_ignored_answers_are_added_by_the_advice(package: Package, shop: Path) -> None:
    write(shop / ".gitignore", "*.yml\n")
    git("rm", "--quiet", "--cached", ".copier-answers.yml", cwd=shop)
    commit(shop)
    run = package.headstart("update", cwd=shop)
    assert run.returncode == 4
    run_advice(advised(run, "git add"), shop)
    assert package.told("update", "--no-verify", cwd=shop)["commit"]


def test_what_is_only_announced_to_git_is_named(package: Package, torn: Path) -> None:
    write(torn / "mine.py", "mine\n")
    git("add", "--intent-to-add", "mine.py", cwd=torn)
    old = state(torn)
    run = package.headstart("update", cwd=torn)
    assert run.returncode == 4
    assert "git reset -- mine.py" in run.stderr
    assert state(torn) == old


@pytest.mark.parametrize("branch", ["headstart", "headstart/update-2.0.0/mine"])
def test_a_branch_in_the_way_of_a_fleet_is_named(package: Package, shop: Path, branch: str) -> None:
    git("branch", branch, cwd=shop)
    told = package.told("fleet", "update", ".", cwd=shop, code=1)
    trouble = told["projects"][0]["trouble"]
    assert f"There is a branch {branch}" in trouble["what"]
    assert any("--branch" in each for each in trouble["next"])


def test_a_folder_may_have_a_name_that_git_reads_as_a_pattern(
    package: Package, shop: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    shutil.move(shop / ".git", whole / ".git")
    shutil.move(shop, whole / ":api")
    commit(whole)
    package.told("update", "--skip", "2.0.0", cwd=whole / ":api")
    assert git("log", "-1", "--format=%s", cwd=whole) == "Pass over the template 2.0.0"
