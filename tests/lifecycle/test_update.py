"""`headstart update` and its kin: what they refuse, leave alone, undo and survive."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bootstrap.project import rollback, update_state
from bootstrap.project.repository import open_repository
from tests.lifecycle.conftest import NAME, Files, Package, commit, write
from tests.project.conftest import git, tree
from tests.project.test_terminal import CTRL_C, CTRL_U, ENTER, Terminal

TEN = "".join(f"{number}\n" for number in range(1, 11))
ONE = {"a.txt": TEN, "b.txt": "b\n", "deep/c.txt": "c\n"}
TWO = {"a.txt": TEN.replace("2\n", "two\n"), "b.txt": None, "new/d.txt": "d\n", "e.txt": "e\n"}
CONFLICTING = {**TWO, "a.txt": TEN.replace("9\n", "theirs\n")}
MINE = TEN.replace("9\n", "mine\n")


def edited(package: Package, folder: Path, two: Files) -> Path:
    """A project of 1.0.0 with an edit, where 2.0.0 is to be had."""

    def make(package: Package, shop: Path) -> None:
        package.release("1.0.0", ONE)
        package.new(shop, "1.0.0")
        write(shop / "a.txt", MINE)
        commit(shop)
        package.release("2.0.0", two)

    return package.begun(folder, make, two)


@pytest.fixture
def shop(package: Package, tmp_path: Path) -> Path:
    """One in which 2.0.0 merges."""
    return edited(package, tmp_path / "shop", TWO)


@pytest.fixture
def torn(package: Package, tmp_path: Path) -> Path:
    """One in which both have changed one line."""
    return edited(package, tmp_path / "shop", CONFLICTING)


def fingerprint(project: Path) -> str:
    """A digest of the work tree and all that git keeps: index, refs, config, objects."""
    digest = hashlib.sha256()
    for path in sorted(project.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(project)).encode())
            digest.update(path.read_bytes())
            if ".git/objects" not in str(path):  # git stamps those that it meets again
                digest.update(str(path.stat().st_mtime_ns).encode())
    return digest.hexdigest()


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
        ("gh:headstart-dev/headstart", "gh:someone/else", "of another template"),
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


# -- answers ---------------------------------------------------------------------------------------

COLOUR = "colour: {type: str, help: 'Which colour?', default: red, ask: true}\n"
SIZE = "size: {type: int, help: 'Which size?', default: 3}\n"


def test_new_questions_take_their_defaults_and_are_shown(package: Package, shop: Path) -> None:
    package.questions = NAME + COLOUR
    package.release("3.0.0", {"colour.txt.jinja": "{{ colour }}\n"})
    told = package.told("update", cwd=shop)
    assert told["new_answers"] == {"colour": "red"}
    assert (shop / "colour.txt").read_text() == "red\n"


def test_answers_can_be_given(package: Package, shop: Path) -> None:
    package.questions = NAME + COLOUR
    package.release("3.0.0", {"colour.txt.jinja": "{{ colour }}\n"})
    told = package.told("update", "--data", "colour=blue", cwd=shop)
    assert told["new_answers"] == {"colour": "blue"}
    assert (shop / "colour.txt").read_text() == "blue\n"
    run = package.headstart("update", "--data", "color=blue", cwd=shop)
    assert run.returncode == 64
    assert "did you mean colour" in run.stderr
    package.told("update", "--data", "colour=green", cwd=shop)
    assert (shop / "colour.txt").read_text() == "green\n"


def test_settings_that_come_and_go_are_told(package: Package, tmp_path: Path) -> None:
    package.release("1.0.0", {".env.example": "SECRET=change-me\nOLD=1\n"})
    shop = package.new(tmp_path / "shop", "1.0.0")
    package.release("2.0.0", {".env.example": "SECRET=change-me\n# Where:\n# PLACE=here\n"})
    told = package.told("update", "--preview", cwd=shop)
    assert (told["new_settings"], told["gone_settings"]) == (["PLACE"], ["OLD"])
    text = package.headstart("update", cwd=shop).stdout
    assert "new setting, see .env.example: PLACE" in text
    assert "setting that is no more: OLD" in text


def test_new_questions_are_asked_at_a_terminal(
    package: Package, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package.questions = NAME + COLOUR
    package.release("3.0.0", {"colour.txt.jinja": "{{ colour }}\n"})
    monkeypatch.setenv("PYTHONPATH", str(package.root))
    for keys, code in (((CTRL_C,), 130), ((CTRL_U, "green", ENTER), 0)):
        terminal = Terminal("update", cwd=shop)
        try:
            terminal.expect("Which colour?")
            terminal.type(*keys)
            assert terminal.end() == code
        finally:
            terminal.close()
        assert (shop / "colour.txt").exists() == (code == 0)
    assert (shop / "colour.txt").read_text() == "green\n"


def test_a_question_that_is_no_longer_asked_is_dropped_with_a_word(
    package: Package, tmp_path: Path
) -> None:
    package.questions = NAME + SIZE
    package.release("1.0.0", ONE)
    shop = package.new(tmp_path / "shop", "1.0.0", "size=5")
    package.questions = NAME
    package.release("2.0.0", TWO)
    told = package.told("update", cwd=shop)
    assert told["dropped_answers"] == ["size"]
    assert "size" not in (shop / ".copier-answers.yml").read_text()


@pytest.mark.parametrize(
    ("old", "new"), [("project_name: shop", "project_name: cart"), ("v1.0.0", "v1.1.0")]
)
def test_answers_that_were_edited_by_hand_are_told_from_the_files(
    package: Package, tmp_path: Path, old: str, new: str
) -> None:
    package.release("1.0.0", {"name.txt.jinja": f"{{{{ project_name }}}}\n{TEN}", "a.txt": TEN})
    shop = package.new(tmp_path / "shop", "1.0.0")
    package.release("1.1.0", {"a.txt": MINE})
    package.release("2.0.0", {"e.txt": "e\n"})
    answers = shop / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace(old, new))
    write(shop / "z.txt", "z\n")
    commit(shop)
    refused(package, shop, "was edited by hand", "put it back: git checkout")
    git("checkout", "--quiet", "HEAD^", "--", ".copier-answers.yml", cwd=shop)
    commit(shop)
    assert package.told("update", cwd=shop)["applied"]


def test_an_update_whose_commit_was_rewritten_is_still_believed(
    package: Package, shop: Path
) -> None:
    package.told("update", cwd=shop)
    git("commit", "--quiet", "--amend", "--message", "Squashed", cwd=shop)
    package.release("3.0.0", {"f.txt": "f\n"})
    assert package.told("update", cwd=shop)["applied"]


# -- features --------------------------------------------------------------------------------------

FEATURES = (
    "features: {type: str, help: 'Which?', multiselect: true, choices: [mail, maps], default: []}\n"
)
EXCLUDED = """\
_exclude:
  - |
    {% if "mail" not in features | default([]) %}
    /mail
    {% endif %}
"""


@pytest.fixture
def plain(package: Package, tmp_path: Path) -> Path:
    """A project without features, of a template that has them."""

    def make(package: Package, shop: Path) -> None:
        package.questions, package.options = NAME + FEATURES, EXCLUDED
        package.release("1.0.0", {**ONE, "mail/m.txt": TEN, "list.txt.jinja": "{{ features }}\n"})
        package.new(shop, "1.0.0")

    return package.begun(tmp_path / "shop", make)


def test_a_feature_comes_goes_and_comes_back_the_same(package: Package, plain: Path) -> None:
    without = tree(plain)
    package.told("feature", "add", "mail", cwd=plain)
    with_it = tree(plain)
    assert "mail/m.txt" in with_it
    package.told("feature", "remove", "mail", cwd=plain)
    assert tree(plain) == without
    package.told("feature", "add", "mail", cwd=plain)
    assert tree(plain) == with_it
    assert package.told("feature", "add", "mail", cwd=plain)["applied"] is False
    assert git("log", "-1", "--format=%s", cwd=plain) == "Add mail"


def test_a_feature_s_edited_file_is_not_lost_with_it(package: Package, plain: Path) -> None:
    package.told("feature", "add", "mail", cwd=plain)
    write(plain / "mail/m.txt", MINE)
    commit(plain)
    told = package.told("feature", "remove", "mail", cwd=plain, code=1)
    assert {each["path"]: each["outcome"] for each in told["files"]}["mail/m.txt"] == "conflict"
    assert (plain / "mail/m.txt").read_text() == MINE
    package.told("update", "--abort", cwd=plain)


def test_a_feature_that_is_not_there_names_those_that_are(package: Package, plain: Path) -> None:
    run = package.headstart("feature", "add", "mial", cwd=plain)
    assert run.returncode == 64
    assert "it has mail, maps" in run.stderr


def test_a_feature_can_be_looked_at_first(package: Package, plain: Path) -> None:
    before = fingerprint(plain)
    assert package.told("feature", "add", "mail", "--preview", cwd=plain)["applied"] is False
    assert fingerprint(plain) == before


# -- drift -----------------------------------------------------------------------------------------


def test_drift_says_how_since_when_and_whether_it_is_accepted(package: Package, shop: Path) -> None:
    (shop / "deep/c.txt").unlink()
    commit(shop, "No c")
    write(shop / "b.txt", "not committed\n")
    told = package.told("drift", cwd=shop)
    files = {each["path"]: each for each in told["files"]}
    assert {path: each["how"] for path, each in files.items()} == {
        "a.txt": "edited",
        "b.txt": "edited",
        "deep/c.txt": "deleted",
    }
    assert files["deep/c.txt"]["subject"] == "No c"
    assert files["a.txt"]["author"] == "Ada"
    assert files["a.txt"]["template_changes_it"] is True
    assert files["deep/c.txt"]["template_changes_it"] is False
    assert told["unaccepted"] == 3


def test_accepted_drift_does_not_fail_until_its_day(package: Package, shop: Path) -> None:
    assert package.headstart("drift", "--fail", cwd=shop).returncode == 3
    exceptions = shop / ".headstart/drift.yml"
    write(exceptions, "- {path: '*.txt', reason: our own, until: 2999-01-01}\n")
    assert package.headstart("drift", "--fail", cwd=shop).returncode == 0
    assert "accepted: our own" in package.headstart("drift", cwd=shop).stdout
    write(exceptions, "- {path: a.txt, reason: our own, until: 2001-01-01}\n")
    late = package.headstart("drift", "--fail", cwd=shop)
    assert late.returncode == 3
    assert "which is over" in late.stdout
    write(exceptions, "- {path: a.txt}\n")
    assert package.headstart("drift", cwd=shop).returncode == 64


def test_drift_works_in_a_hook(package: Package, shop: Path) -> None:
    hook = shop / ".git/hooks/pre-commit"
    command = f"env PYTHONPATH={package.root} {sys.executable} -m bootstrap drift --fail"
    hook.write_text(f"#!/bin/sh\nexec {command}\n")
    hook.chmod(0o755)
    write(shop / "z.txt", "z\n")
    git("add", "z.txt", cwd=shop)
    done = subprocess.run(
        [shutil.which("git") or "git", "commit", "-m", "z"],
        cwd=shop,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "a.txt" in done.stdout + done.stderr
    assert git("diff", "--cached", "--name-only", cwd=shop) == "z.txt"


# -- hostile settings and places -------------------------------------------------------------------


def test_settings_of_this_machine_change_nothing(
    package: Package, shop: Path, home: Path, tmp_path: Path
) -> None:
    hooks = tmp_path / "hooks"
    for name in ("pre-commit", "commit-msg", "post-checkout", "prepare-commit-msg"):
        write(hooks / name, f"#!/bin/sh\ntouch {tmp_path}/hooked\nexit 1\n")
        (hooks / name).chmod(0o755)
    (home / "ignored").write_text("*.txt\n")
    for setting in (
        ("core.hooksPath", str(hooks)),
        ("core.excludesFile", str(home / "ignored")),
        ("core.autocrlf", "true"),
        ("commit.gpgSign", "true"),
        ("gpg.program", "false"),
        ("merge.renames", "false"),
        ("diff.renames", "false"),
        ("merge.conflictStyle", "diff3"),
        ("core.editor", "false"),
        ("status.showUntrackedFiles", "no"),
        ("core.quotePath", "true"),
    ):
        git("config", "--global", *setting, cwd=home)
    environment = {"GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "/nowhere/index", "LC_ALL": "de_DE"}
    run = package.headstart("update", cwd=shop, **environment)
    assert run.returncode == 0, run.stderr
    assert not (tmp_path / "hooked").exists()
    assert (shop / "a.txt").read_bytes() == MINE.replace("2\n", "two\n").encode()
    assert (shop / "new/d.txt").read_bytes() == b"d\n"


def test_a_place_for_state_that_cannot_be_had(package: Package, shop: Path, tmp_path: Path) -> None:
    write(tmp_path / "file", "no folder\n")
    run = package.headstart("update", cwd=shop, HEADSTART_STATE_DIR=str(tmp_path / "file/state"))
    assert run.returncode == 0, run.stderr
    assert (shop / "new/d.txt").exists()


def test_a_project_in_a_folder_of_its_repository(package: Package, tmp_path: Path) -> None:
    whole = tmp_path / "our things"
    write(whole / "README.md", "ours\n")
    git("init", "--quiet", cwd=whole)
    commit(whole)
    package.release("1.0.0", ONE)
    shop = package.new(whole / "the shop", "1.0.0")
    write(shop / "a.txt", MINE)
    commit(whole)
    write(whole / "README.md", "edited\n")
    package.release("2.0.0", TWO)
    told = package.told("update", cwd=shop)
    assert "new/d.txt" in {each["path"] for each in told["files"]}
    assert (shop / "a.txt").read_text() == MINE.replace("2\n", "two\n")
    assert (shop / "new/d.txt").exists()
    assert not (whole / "new").exists()
    assert (whole / "README.md").read_text() == "edited\n"
    assert package.told("drift", cwd=shop)["unaccepted"] == 1


def test_a_linked_work_tree_and_a_submodule(package: Package, shop: Path, tmp_path: Path) -> None:
    git("worktree", "add", "--quiet", str(tmp_path / "linked"), cwd=shop)
    package.told("update", cwd=tmp_path / "linked")
    assert (tmp_path / "linked/new/d.txt").exists()
    assert not (shop / "new").exists()
    outer = tmp_path / "outer"
    outer.mkdir()
    git("init", "--quiet", cwd=outer)
    allowed = ("-c", "protocol.file.allow=always")
    git(*allowed, "submodule", "--quiet", "add", str(shop), "inner", cwd=outer)
    commit(outer)
    package.told("update", cwd=outer / "inner")
    assert (outer / "inner/new/d.txt").exists()
    assert git("status", "--porcelain", cwd=outer).endswith("inner")


def test_a_repository_with_a_submodule_and_a_link(
    package: Package, shop: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    write(other / "x.txt", "x\n")
    git("init", "--quiet", cwd=other)
    commit(other)
    allowed = ("-c", "protocol.file.allow=always")
    git(*allowed, "submodule", "--quiet", "add", str(other), "libs", cwd=shop)
    (shop / "link").symlink_to("a.txt")
    commit(shop)
    package.told("update", cwd=shop)
    assert git("status", "--porcelain", cwd=shop) == ""
    assert (shop / "link").is_symlink()
    assert (shop / "libs/x.txt").exists()


# -- killed ----------------------------------------------------------------------------------------

KILLER = """\
#!/bin/sh
echo "$*" >> "{log}"
[ "$(wc -l < "{log}")" -eq {at} ] || exec {git} "$@"
{inside}
kill -KILL "$PPID"
"""
INSIDE = '{git} "$@" & sleep {seconds}; kill -KILL $!; wait'


def killed(package: Package, shop: Path, folder: Path, at: int, inside: float = 0) -> list[str]:
    """Run an update that is killed at its git process number `at`; those that it has run."""
    log, real = folder / "log", shutil.which("git")
    log.write_text("")
    middle = INSIDE.format(git=real, seconds=inside) if inside else ""
    write(folder / "bin/git", KILLER.format(log=log, git=real, at=at, inside=middle))
    (folder / "bin/git").chmod(0o755)
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    package.headstart("update", cwd=shop, PATH=path)
    return log.read_text().splitlines()


def counted(package: Package, shop: Path, folder: Path) -> list[str]:
    """The git processes of an update whose renders are known, as those of later ones are."""
    package.headstart("update", "--preview", cwd=shop)
    return killed(package, shop, folder, at=0)


def state(shop: Path) -> tuple[object, ...]:
    return tree(shop), git("status", "-z", cwd=shop), git("rev-parse", "HEAD^{tree}", cwd=shop)


def old_or_new(package: Package, shop: Path, old: object, new: object) -> None:
    """After a kill: the new state, or one that `--abort` makes the old one; git works in it."""
    if package.headstart("update", "--preview", cwd=shop).returncode == 4:
        assert package.headstart("update", "--abort", cwd=shop).returncode == 0
        assert state(shop) == old
    else:
        assert state(shop) in (old, new)
    package.headstart("update", cwd=shop)
    git("commit", "--quiet", "--allow-empty", "--message", "git works", cwd=shop)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(3))
def test_killed_anywhere_it_is_old_or_new_or_can_be_taken_back(
    package: Package, shop: Path, tmp_path: Path, part: int
) -> None:
    old, head = state(shop), git("rev-parse", "HEAD", cwd=shop)
    ran = counted(package, shop, tmp_path)
    new = state(shop)
    for at in range(1 + 3 * part, len(ran) + 1, 9):
        git("reset", "--hard", "--quiet", head, cwd=shop)
        assert len(killed(package, shop, tmp_path, at)) == at
        old_or_new(package, shop, old, new)


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.001, 0.003, 0.006, 0.01, 0.02])
def test_killed_inside_the_cherry_pick(
    package: Package, shop: Path, tmp_path: Path, delay: float
) -> None:
    old, head = state(shop), git("rev-parse", "HEAD", cwd=shop)
    ran = counted(package, shop, tmp_path)
    new = state(shop)
    git("reset", "--hard", "--quiet", head, cwd=shop)
    (at,) = (number for number, line in enumerate(ran, 1) if "cherry-pick" in line)
    killed(package, shop, tmp_path, at, inside=delay)
    old_or_new(package, shop, old, new)


@pytest.mark.slow
def test_killed_between_its_conflicts_and_its_end(
    package: Package, torn: Path, tmp_path: Path
) -> None:
    old = state(torn)
    (at,) = (
        number
        for number, line in enumerate(counted(package, torn, tmp_path), 1)
        if "cherry-pick" in line
    )
    package.told("update", "--abort", cwd=torn)
    for inside in (0.01, 0.3):
        killed(package, torn, tmp_path, at, inside)
        assert package.headstart("update", "--abort", cwd=torn).returncode in {0, 4}
        assert state(torn) == old


def test_an_update_whose_git_was_killed_before_it_wrote_the_answers_can_be_taken_back(
    package: Package, torn: Path
) -> None:
    old = state(torn)
    package.told("update", cwd=torn, code=1)
    (torn / ".copier-answers.yml").unlink()
    assert package.headstart("update", cwd=torn).returncode == 4
    package.told("update", "--abort", cwd=torn)
    assert state(torn) == old


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_git_s_locks_that_outlived_it_are_waited_for_once_and_then_not_in_the_way(
    package: Package, torn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, clock = state(torn), Clock()
    package.told("update", cwd=torn, code=1)
    for name in ("index", "MERGE_MSG", "CHERRY_PICK_HEAD", "refs/heads/main"):
        (torn / f".git/{name}.lock").touch()
    monkeypatch.setattr(update_state, "time", clock)
    rollback.abort(open_repository(torn))
    assert state(torn) == old
    assert update_state.PATIENCE <= clock.now < 2 * update_state.PATIENCE
