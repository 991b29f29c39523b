"""`headstart update` and `status`: what they do, refuse, leave alone and undo."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.lifecycle.conftest import ONE, Package, commit, fingerprint, write
from tests.project.conftest import git, tree

# -- looking touches nothing -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("update", "--preview"), 1),
        (("update", "--diff", "a.txt"), 0),
        (("status",), 2),
        (("drift",), 0),
    ],
)
def test_looking_touches_nothing(
    package: Package, torn: Path, command: tuple[str, ...], code: int
) -> None:
    write(torn / "b.txt", "b\n")  # the same, but git would have to look: no index is refreshed
    write(torn / "untracked.txt", "mine\n")
    before = fingerprint(torn)
    run = package.headstart(*command, cwd=torn)
    assert run.returncode == code, run.stderr
    assert fingerprint(torn) == before


def test_a_preview_tells_what_the_update_then_does(package: Package, shop: Path) -> None:
    foretold = package.told("update", "--preview", cwd=shop)
    done = package.told("update", cwd=shop)
    assert foretold["files"] == done["files"]
    assert (foretold["applied"], done["applied"]) == (False, True)
    assert done["counts"] == {"new": 2, "updated": 1, "merged": 1, "deleted": 1}
    changed = git("diff", "--name-only", "--no-renames", "HEAD^", "HEAD", cwd=shop).split()
    assert sorted(each["path"] for each in done["files"]) == sorted(changed)


def test_one_file_is_shown_as_a_diff(package: Package, shop: Path) -> None:
    told = package.headstart("update", "--diff", "a.txt", cwd=shop).stdout
    assert "-2\n+two\n" in told
    assert "d.txt" not in told


def test_status_says_how_far_behind_and_what_would_come(package: Package, shop: Path) -> None:
    package.release("2.1.0", {"f.txt": "f\n"})
    told = package.told("status", cwd=shop, code=2)
    assert told["version"] == "v1.0.0"
    assert told["newest"] == "v2.1.0"
    assert told["behind"] == ["2.0.0", "2.1.0"]
    assert told["drifted"] == 1
    text = package.headstart("status", cwd=shop).stdout
    assert "2.0.0: What 2.0.0 is." in text
    assert "1 merged" in text
    package.told("update", cwd=shop)
    assert package.told("status", cwd=shop)["update_available"] is False


# -- once is enough --------------------------------------------------------------------------------


def test_a_second_update_does_nothing(package: Package, shop: Path) -> None:
    package.told("update", cwd=shop)
    before = git("rev-parse", "HEAD", cwd=shop)
    again = package.told("update", cwd=shop)
    assert again["applied"] is False
    assert git("rev-parse", "HEAD", cwd=shop) == before
    assert "Up to date" in package.headstart("update", cwd=shop).stdout


def test_an_update_can_stop_at_a_version_between(package: Package, shop: Path) -> None:
    package.release("3.0.0", {"f.txt": "f\n"})
    package.told("update", "--to", "2.0.0", cwd=shop)
    assert yaml.safe_load((shop / ".copier-answers.yml").read_text())["_commit"] == "v2.0.0"
    assert not (shop / "f.txt").exists()
    package.told("update", cwd=shop)
    assert (shop / "f.txt").exists()


def test_an_older_version_is_refused(package: Package, shop: Path) -> None:
    package.told("update", cwd=shop)
    run = package.headstart("update", "--to", "1.0.0", cwd=shop)
    assert run.returncode == 4
    assert "is older" in run.stderr


def test_the_backup_is_kept_listed_and_leads_back(package: Package, shop: Path) -> None:
    before = git("rev-parse", "HEAD", cwd=shop)
    backup = str(package.told("update", cwd=shop)["backup"])
    assert package.told("status", cwd=shop)["backups"] == [backup]
    git("reset", "--keep", backup, cwd=shop)
    assert git("rev-parse", "HEAD", cwd=shop) == before


# -- refusals --------------------------------------------------------------------------------------


def test_a_folder_that_is_no_project(package: Package, tmp_path: Path) -> None:
    package.release("1.0.0", ONE)
    run = package.headstart("update", cwd=tmp_path)
    assert run.returncode == 64
    assert "headstart new shop" in run.stderr


def refused(package: Package, shop: Path, *complaints: str) -> None:
    """An update is refused with these words, and touches nothing."""
    before = tree(shop), git("rev-parse", "HEAD", cwd=shop), git("status", "-z", cwd=shop)
    run = package.headstart("update", cwd=shop)
    assert run.returncode == 4, run.stdout + run.stderr
    assert "next: " in run.stderr
    for complaint in complaints:
        assert complaint in run.stderr
    assert before == (tree(shop), git("rev-parse", "HEAD", cwd=shop), git("status", "-z", cwd=shop))


def test_what_is_staged(package: Package, shop: Path) -> None:
    write(shop / "z.txt", "z\n")
    git("add", "z.txt", cwd=shop)
    refused(package, shop, "staged changes", "z.txt")


def test_what_is_edited_where_the_update_writes(package: Package, shop: Path) -> None:
    write(shop / "a.txt", "edited\n")
    refused(package, shop, "not committed", "a.txt", "git stash")


def test_an_untracked_or_ignored_file_in_the_way(package: Package, shop: Path) -> None:
    write(shop / "new", "a file where a folder comes\n")
    refused(package, shop, "not committed", "new")
    (shop / "new").unlink()
    write(shop / "e.txt", "mine\n")
    write(shop / ".git/info/exclude", "e.txt\n")
    told = package.told("update", cwd=shop)
    assert {each["path"]: each["reason"] for each in told["files"]}[
        "e.txt"
    ] == "git ignores it here"
    assert (shop / "e.txt").read_text() == "mine\n"


def test_edits_elsewhere_do_not_matter_and_stay(package: Package, shop: Path) -> None:
    write(shop / "deep/c.txt", "edited\n")
    write(shop / "untracked.txt", "mine\n")
    package.told("update", cwd=shop)
    status = git("status", "--porcelain", cwd=shop).split()
    assert status == ["M", "deep/c.txt", "??", "untracked.txt"]
    assert (shop / "deep/c.txt").read_text() == "edited\n"


def test_a_merge_that_is_underway(package: Package, shop: Path) -> None:
    (shop / ".git/MERGE_HEAD").write_text(git("rev-parse", "HEAD", cwd=shop))
    run = package.headstart("update", cwd=shop)
    assert run.returncode == 4
    assert "in the middle of a merge" in run.stderr


def test_a_project_without_git(package: Package, shop: Path) -> None:
    shutil.rmtree(shop / ".git")
    run = package.headstart("update", cwd=shop)
    assert run.returncode == 4
    assert "in no git repository" in run.stderr


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("gh:headstart-dev/headstart", "gh:someone/else", "from another template"),
        ("_commit: v1.0.0", "_commit: v0.0.7", "does not have v0.0.7"),
        ("project_name: shop", "project_name: [", "cannot be used"),
        ("project_name: shop", "<<<<<<< HEAD\nproject_name: shop", "conflict markers"),
        ("project_name: shop", "project_nam: shop", "is not a question"),
    ],
)
def test_answers_that_cannot_be_believed(
    package: Package, shop: Path, old: str, new: str, complaint: str
) -> None:
    answers = shop / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace(old, new))
    commit(shop)
    refused(package, shop, complaint)


def test_answers_that_are_not_committed(package: Package, shop: Path) -> None:
    answers = shop / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace("shop", "cart"))
    refused(package, shop, "not committed", "--data name=value")


def test_two_updates_at_once_do_not_mix(package: Package, shop: Path) -> None:
    command = [sys.executable, "-m", "bootstrap", "update"]
    environ = os.environ | {"PYTHONPATH": str(package.root)}
    both = [
        subprocess.Popen(command, cwd=shop, env=environ, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [process.communicate()[1] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 0], [0, 4]), told
    assert git("rev-list", "--count", "HEAD", cwd=shop) == "3"
    assert git("status", "--porcelain", cwd=shop) == ""


# -- conflicts, settled or taken back --------------------------------------------------------------


def test_an_update_with_conflicts_can_be_taken_back(package: Package, torn: Path) -> None:
    write(torn / "deep/c.txt", "edited\n")
    write(torn / "untracked.txt", "mine\n")
    before = tree(torn), git("rev-parse", "HEAD", cwd=torn), git("status", "-z", cwd=torn)
    package.told("update", cwd=torn, code=1)
    write(torn / "a.txt", "half of a resolution\n")
    told = package.told("update", "--abort", cwd=torn)
    assert before == (tree(torn), git("rev-parse", "HEAD", cwd=torn), git("status", "-z", cwd=torn))
    half = git("show", f"{told['rescue']}:a.txt", cwd=torn)
    assert half == "half of a resolution", "what was begun is not lost either"
    assert not (torn / "new").exists()
    assert package.told("update", cwd=torn, code=1)["applied"]


def test_unsettled_conflicts_are_named(package: Package, torn: Path) -> None:
    package.told("update", cwd=torn, code=1)
    run = package.headstart("update", "--continue", cwd=torn)
    assert run.returncode == 1
    assert "a.txt" in run.stderr
    git("add", "a.txt", cwd=torn)  # with its markers
    run = package.headstart("update", "--continue", cwd=torn)
    assert run.returncode == 1
    assert "a.txt" in run.stderr


def test_git_s_own_commands_do_as_well(package: Package, torn: Path) -> None:
    package.told("update", cwd=torn, code=1)
    git("cherry-pick", "--abort", cwd=torn)
    package.told("update", cwd=torn, code=1)
    write(torn / "a.txt", "settled\n")
    git("add", "a.txt", cwd=torn)
    git("-c", "core.editor=true", "cherry-pick", "--continue", cwd=torn)
    assert package.told("status", cwd=torn)["update_available"] is False
    assert package.told("update", "--continue", cwd=torn)["commit"]
    assert package.headstart("update", "--abort", cwd=torn).returncode == 4


def test_a_new_update_waits_for_the_one_underway(package: Package, torn: Path) -> None:
    package.told("update", cwd=torn, code=1)
    run = package.headstart("update", cwd=torn)
    assert run.returncode == 4
    assert "--continue" in run.stderr
    assert "--abort" in run.stderr


@pytest.mark.parametrize("option", ["--continue", "--abort"])
def test_nothing_underway_is_said(package: Package, shop: Path, option: str) -> None:
    run = package.headstart("update", option, cwd=shop)
    assert run.returncode == 4
    assert "No update is underway" in run.stderr


@pytest.mark.parametrize(
    "options",
    [("--continue", "--abort"), ("--preview", "--rollback"), ("--diff", "a.txt", "--abort")],
)
def test_one_thing_is_done_at_a_time(
    package: Package, tmp_path: Path, options: tuple[str, ...]
) -> None:
    run = package.headstart("update", *options, cwd=tmp_path)
    assert run.returncode == 64
    assert "exclude each other" in run.stderr


# -- releases that are passed over -----------------------------------------------------------------


def test_a_release_that_is_passed_over_is_not_offered_until_there_is_another(
    package: Package, shop: Path
) -> None:
    assert package.told("update", "--skip", "v2.0.0", cwd=shop)["skipped"] == "2.0.0"
    assert git("status", "--porcelain", cwd=shop) == ""
    assert package.told("status", cwd=shop)["update_available"] is False
    assert package.told("update", cwd=shop)["applied"] is False
    package.release("3.0.0", {"f.txt": "f\n"})
    assert package.told("status", cwd=shop, code=2)["newest"] == "v3.0.0"
    package.told("update", "--skip", "3.0.0", cwd=shop)
    assert package.told("status", cwd=shop)["update_available"] is False
    package.told("update", "--to", "2.0.0", cwd=shop)
    package.release("4.0.0", {"g.txt": "g\n"})
    assert package.told("update", cwd=shop)["to"] == "v4.0.0"
    assert {"f.txt", "g.txt"} <= {path.name for path in shop.iterdir()}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "# ours\n- 1.5.0  # breaks us\n\n# the end",
            "# ours\n- 1.5.0  # breaks us\n- 2.0.0\n\n# the end\n",
        ),
        ("  - 1.5.0\n", "  - 1.5.0\n  - 2.0.0\n"),
        ("# ours\n[1.5.0]\n", "# ours\n- 1.5.0\n- 2.0.0\n"),
        ("# ours\n[]\n", "# ours\n- 2.0.0\n"),
        ("# ours\n", "# ours\n- 2.0.0\n"),
    ],
)
def test_what_people_wrote_beside_passed_over_releases_stays(
    package: Package, shop: Path, before: str, after: str
) -> None:
    write(shop / ".headstart/skip.yml", before)
    commit(shop)
    package.told("update", "--skip", "2.0.0", cwd=shop)
    assert (shop / ".headstart/skip.yml").read_text() == after
    assert package.told("status", cwd=shop)["update_available"] is False
    assert package.headstart("update", "--skip", "2.0.0", cwd=shop).returncode == 4


def test_only_a_newer_release_can_be_passed_over(package: Package, shop: Path) -> None:
    for version, code in (("1.0.0", 4), ("newest", 64)):
        assert package.headstart("update", "--skip", version, cwd=shop).returncode == code
    write(shop / ".headstart/skip.yml", "- soon\n")
    commit(shop)
    run = package.headstart("status", cwd=shop)
    assert (run.returncode, "soon is no release" in run.stderr) == (64, True)
