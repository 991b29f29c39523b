"""`headstart fleet` where projects are, and in all the ways in which one of them can fail."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.conftest import disk, remount
from tests.lifecycle.conftest import Package, commit, write
from tests.lifecycle.fleets import BRANCH, another, fleet, refs, state, torn
from tests.project.conftest import git

# -- places ----------------------------------------------------------------------------------------


def test_projects_of_one_repository_have_a_branch_each(package: Package, first: Path) -> None:
    code = first.parent
    shutil.rmtree(first / ".git")
    another(first, "big shop")
    git("init", "--quiet", cwd=code)
    commit(code)
    found = fleet(package, code, "update", "--jobs", "2")
    assert found.counts == {"branched": 2}
    for name in ("a", "big-shop"):
        changed = git("diff", "--name-only", "HEAD", f"{BRANCH}-{name}", cwd=code)
        assert {Path(line.strip('"')).parts[0] for line in changed.splitlines()} == {
            name.replace("-", " ")
        }
    git("merge", "--quiet", f"{BRANCH}-a", cwd=code)
    git("merge", "--quiet", "--no-edit", f"{BRANCH}-big-shop", cwd=code)
    assert fleet(package, code, "status").counts == {"up-to-date": 2}


def test_a_linked_work_tree_and_a_detached_head(package: Package, first: Path) -> None:
    linked = first.parent / "linked"
    git("worktree", "add", "--quiet", "--detach", str(linked), "HEAD", cwd=first)
    write(linked / "z.txt", "z\n")
    head = commit(linked)
    found = fleet(package, linked, "update")
    assert found.projects["linked"]["checked_out"] == head[:10]
    assert git("rev-parse", f"{BRANCH}^", cwd=first) == head
    assert "does not begin" in fleet(package, first, "update", code=1).trouble("a")


def _unborn(shop: Path) -> None:
    git("checkout", "--quiet", "--orphan", "nothing", cwd=shop)


def _damaged(shop: Path) -> None:
    shutil.rmtree(shop / ".git/objects")
    (shop / ".git/objects").mkdir()


def _broken(shop: Path) -> None:
    write(shop / ".copier-answers.yml", "_src_path: gh:headstart-dev/headstart\n_commit: [\n")
    commit(shop)


def _unknown(shop: Path) -> None:
    answers = shop / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace("v1.0.0", "v0.0.7"))
    commit(shop)


def _newer(shop: Path) -> None:
    answers = shop / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace("v1.0.0", "v9.0.0"))
    commit(shop)


def _uncommitted(shop: Path) -> None:
    with (shop / ".copier-answers.yml").open("a") as answers:
        answers.write("# mine\n")


def _headless(shop: Path) -> None:
    (shop / ".git/HEAD").unlink()


def _merging(shop: Path) -> None:
    (shop / ".git/MERGE_HEAD").write_text(git("rev-parse", "HEAD", cwd=shop))


def test_what_fails_is_told_and_stops_none_of_the_others(package: Package, first: Path) -> None:
    troubles = {
        "unborn": (_unborn, "has no commit yet"),
        "damaged": (_damaged, "git cannot read the repository"),
        "broken": (_broken, "cannot be used"),
        "unknown": (_unknown, "does not have v0.0.7"),
        "newer": (_newer, "does not have v9.0.0"),
        "uncommitted": (_uncommitted, "not committed"),
        "headless": (_headless, "git cannot read the repository"),
        "merging": (_merging, "in the middle of a merge"),
    }
    for name, (break_it, _) in troubles.items():
        break_it(another(first, name))
    found = fleet(package, first.parent, "update", code=1)
    assert found.projects["a"]["ending"] == "branched"
    for name, (_, said) in troubles.items():
        assert said in found.trouble(name)
    run = package.headstart("fleet", "status", cwd=first.parent)
    assert "Traceback" not in run.stdout + run.stderr
    assert "does not have v0.0.7" in run.stdout
    assert "→ use a headstart that is as new as the project" in run.stdout


def test_an_update_that_is_underway_is_left_alone(package: Package, first: Path) -> None:
    shop = torn(first, "torn")
    package.told("update", cwd=shop, code=1)
    before = state(shop), refs(shop)
    assert "is not finished" in fleet(package, shop, "update", code=1).trouble("torn")
    assert (state(shop), refs(shop)) == before


def test_a_repository_that_cannot_be_written(package: Package, first: Path) -> None:
    with disk(first.parent / "disk") as at:
        shutil.copytree(first, at / "locked", symlinks=True)
        remount(at, "ro")
        found = fleet(package, first.parent, "status", code=2)
        assert found.endings() == {"a": "clean", "locked": "clean"}
        found = fleet(package, first.parent, "update", code=1)
        assert found.endings() == {"a": "branched", "locked": "failed"}
        assert "Read-only file system" in found.trouble("locked")
