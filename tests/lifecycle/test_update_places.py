"""An update in hostile settings and places: git's configuration, work trees, submodules."""

from __future__ import annotations

from pathlib import Path

from tests.lifecycle.conftest import MINE, ONE, TWO, Package, commit, write
from tests.project.conftest import git

UTF8 = ("-c", "i18n.logOutputEncoding=UTF-8")

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
        ("core.safecrlf", "true"),
        ("commit.gpgSign", "true"),
        ("gpg.program", "false"),
        ("merge.renames", "false"),
        ("diff.renames", "false"),
        ("merge.conflictStyle", "diff3"),
        ("core.editor", "false"),
        ("status.showUntrackedFiles", "no"),
        ("core.quotePath", "true"),
        ("color.ui", "always"),
        ("color.diff", "always"),
        ("diff.external", "false"),
        ("diff.noprefix", "true"),
        ("diff.relative", "true"),
        ("log.showSignature", "true"),
        ("log.follow", "true"),
        ("log.date", "relative"),
        ("log.decorate", "full"),
        ("log.diffMerges", "on"),
        ("i18n.logOutputEncoding", "UTF-16"),
        ("diff.orderFile", str(home / "ignored")),
        ("diff.mnemonicPrefix", "true"),
        ("diff.algorithm", "patience"),
        ("diff.ignoreSubmodules", "all"),
        ("status.short", "true"),
        ("status.branch", "true"),
        ("status.relativePaths", "false"),
        ("commit.cleanup", "scissors"),
        ("commit.template", str(home / "ignored")),
        ("commit.verbose", "2"),
        ("core.commentChar", "U"),
        ("core.abbrev", "40"),
        ("core.pager", "false"),
        ("trailer.separators", "#"),
        ("merge.default", "ours"),
        ("rerere.enabled", "true"),
        ("format.pretty", "oneline"),
    ):
        git("config", "--global", *setting, cwd=home)
    environment = {"GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "/nowhere/index", "LC_ALL": "de_DE"}
    run = package.headstart("update", "--no-hooks", "--no-sign", cwd=shop, **environment)
    assert run.returncode == 0, run.stderr
    assert not (tmp_path / "hooked").exists()
    assert (shop / "a.txt").read_bytes() == MINE.replace("2\n", "two\n").encode()
    assert (shop / "new/d.txt").read_bytes() == b"d\n"
    assert "Headstart-Template: v2.0.0" in git(*UTF8, "log", "-1", "--format=%B", cwd=shop)
    assert package.told("drift", cwd=shop)["unaccepted"] == 1
    assert package.told("status", cwd=shop)["update_available"] is False
    assert package.headstart("update", "--rollback", cwd=shop).returncode == 0
    assert (shop / "a.txt").read_bytes() == MINE.encode()


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
