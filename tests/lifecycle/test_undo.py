"""What undoes an update cannot fail half-way; where it cannot be done now, it can be done later."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import disk, fill, remount
from tests.lifecycle.conftest import MINE, Package, commit, write
from tests.lifecycle.test_commits import hook, notes
from tests.lifecycle.test_update_killed import state
from tests.project.conftest import git

TEXT = "*.txt filter=case\n"


def filtered(shop: Path) -> None:
    """A filter that works for all that is checked out, and is required."""
    write(shop / ".gitattributes", TEXT)
    commit(shop)
    for setting in (("clean", "cat"), ("smudge", "cat"), ("required", "true")):
        git("config", f"filter.case.{setting[0]}", setting[1], cwd=shop)


# -- sparse, filtered, other line ends -------------------------------------------------------------


@pytest.mark.parametrize("patterns", [("--cone", "deep"), ("--no-cone", "/*", "!/b.txt", "!/new/")])
def test_a_sparse_work_tree_is_as_sparse_afterwards(
    package: Package, shop: Path, patterns: tuple[str, ...]
) -> None:
    git("status", cwd=shop)  # a copy: git has not seen these files yet
    git("sparse-checkout", "set", *patterns, cwd=shop)
    flags = git("ls-files", "-t", cwd=shop)
    old = state(shop)
    package.told("update", "--no-verify", cwd=shop)
    assert git("status", "--porcelain", cwd=shop) == ""
    assert not (shop / "new").exists()
    package.told("update", "--rollback", cwd=shop)
    assert state(shop) == old
    assert git("ls-files", "-t", cwd=shop) == flags


def test_conflicts_in_a_sparse_work_tree_are_taken_back(package: Package, torn: Path) -> None:
    git("sparse-checkout", "set", "--no-cone", "/*", "!/a.txt", cwd=torn)
    flags, old = git("ls-files", "-t", cwd=torn), state(torn)
    package.told("update", cwd=torn, code=1)
    package.told("update", "--abort", cwd=torn)
    assert state(torn) == old
    assert git("ls-files", "-t", cwd=torn) == flags


def test_a_filter_that_fails_changes_nothing_and_later_all_goes_on(
    package: Package, shop: Path
) -> None:
    filtered(shop)
    old = state(shop)
    git("config", "filter.case.smudge", "false", cwd=shop)
    run = package.headstart("update", cwd=shop)
    assert run.returncode == 1
    assert "smudge filter case failed" in run.stderr
    assert state(shop) == old
    assert not (shop / "new").exists()
    assert notes(shop) == []
    git("config", "filter.case.smudge", "cat", cwd=shop)
    package.told("update", "--no-verify", cwd=shop)
    new = state(shop)
    git("config", "filter.case.smudge", "false", cwd=shop)
    run = package.headstart("update", "--rollback", cwd=shop)
    assert run.returncode == 1
    assert "everything is as it was" in run.stderr
    assert state(shop) == new
    git("config", "filter.case.smudge", "cat", cwd=shop)
    package.told("update", "--rollback", cwd=shop)
    assert state(shop) == old


def test_large_files_whose_program_is_missing_are_left_alone(package: Package, torn: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
    write(torn / "big.bin", pointer)
    write(torn / ".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    commit(torn)
    os.utime(torn / "big.bin", (0, 0))
    git("update-index", "--refresh", cwd=torn)  # git need not look into it again
    for name in ("process", "smudge", "clean"):
        git("config", f"filter.lfs.{name}", f"git-lfs-that-is-not-there {name}", cwd=torn)
    git("config", "filter.lfs.required", "true", cwd=torn)
    old = state(torn)
    package.told("update", cwd=torn, code=1)
    package.told("update", "--abort", cwd=torn)
    assert state(torn) == old
    assert (torn / "big.bin").read_text() == pointer


def test_a_rescue_of_files_whose_filter_fails_has_them_as_they_are(
    package: Package, torn: Path
) -> None:
    filtered(torn)
    old = state(torn)
    package.told("update", cwd=torn, code=1)
    write(torn / "a.txt", "half of my work\n")
    git("config", "filter.case.clean", "false", cwd=torn)
    rescue = package.told("update", "--abort", cwd=torn)["rescue"]
    git("config", "filter.case.clean", "cat", cwd=torn)
    assert git("show", f"{rescue}:a.txt", cwd=torn) == "half of my work"
    assert state(torn) == old


def test_line_ends_are_those_that_git_is_told_to_write(
    package: Package, shop: Path, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    config = ("-c", "core.autocrlf=true")
    git("clone", "--quiet", *config, str(shop), str(clone), cwd=tmp_path)
    for name in ("a.txt", ".copier-answers.yml"):
        (clone / name).touch()
    old = state(clone)
    package.told("update", "--no-verify", cwd=clone)
    assert git("status", "--porcelain", cwd=clone) == ""
    assert (clone / "a.txt").read_bytes() == MINE.replace("2\n", "two\n").replace(
        "\n", "\r\n"
    ).encode()
    assert (clone / "new/d.txt").read_bytes() == b"d\r\n"
    assert git("show", "HEAD:new/d.txt", cwd=clone) == "d"
    assert package.told("drift", cwd=clone)["unaccepted"] == 1
    package.told("update", "--rollback", cwd=clone)
    assert state(clone) == old


# -- folders where files must be, links, what is of others -----------------------------------------


def stable(path: str) -> str:
    """A path without the commit in it, which is another one every second."""
    return re.sub("~[0-9a-f]{7,} ", "~commit ", path)


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_advice_names_what_git_has_written(package: Package, shop: Path, kind: str) -> None:
    if kind == "file":
        write(shop / "new", "a file, where the template has a folder\n")
    elif kind == "folder":
        write(shop / "e.txt/mine.txt", "a folder, where it has a file\n")
    else:
        (shop / "e.txt").symlink_to("a.txt")
    commit(shop)
    old = state(shop)
    predicted = package.told("update", "--preview", cwd=shop, code=1)["files"]
    files = package.told("update", cwd=shop, code=1)["files"]
    assert [stable(each["path"]) for each in files] == [stable(each["path"]) for each in predicted]
    unmerged = {
        line.partition("\t")[2]
        for line in git("ls-files", "-u", "-z", cwd=shop).split("\0")
        if line
    }
    conflicts = {each["path"]: each for each in files if each["outcome"] == "conflict"}
    assert unmerged == set(conflicts)
    assert all((shop / path).exists() for path in unmerged)
    for each in conflicts.values():
        assert "git add" in each["advice"]
        assert "<<<<<<<" not in each["advice"]
    package.told("update", "--abort", cwd=shop)
    assert state(shop) == old
    assert notes(shop) == []


def test_nothing_is_written_through_a_linked_folder(
    package: Package, shop: Path, tmp_path: Path
) -> None:
    package.release("3.0.0", {"deep/c.txt": "theirs\n"})
    write(shop / "deep/c.txt", "mine\n")
    commit(shop)
    old = state(shop)
    package.told("update", cwd=shop, code=1)
    write(tmp_path / "outside/c.txt", "of others\n")
    shutil.rmtree(shop / "deep")
    (shop / "deep").symlink_to(tmp_path / "outside")
    told = package.told("update", "--abort", cwd=shop)
    assert (tmp_path / "outside/c.txt").read_text() == "of others\n"
    assert told["aside"] == ["deep~yours"]
    (shop / "deep~yours").unlink()
    assert state(shop) == old


def test_what_is_in_the_way_of_a_file_is_set_aside(package: Package, torn: Path) -> None:
    old = state(torn)
    package.told("update", cwd=torn, code=1)
    (torn / "a.txt").unlink()
    write(torn / "a.txt/precious", "mine\n")
    told = package.told("update", "--abort", cwd=torn)
    assert told["aside"] == ["a.txt~yours"]
    assert (torn / "a.txt~yours/precious").read_text() == "mine\n"
    shutil.rmtree(torn / "a.txt~yours")
    assert state(torn) == old


def test_an_update_that_an_older_headstart_began_can_be_undone(
    package: Package, torn: Path
) -> None:
    old = state(torn)
    package.told("update", cwd=torn, code=1)
    shutil.rmtree(torn / ".git/headstart/before")
    package.told("update", "--abort", cwd=torn)
    assert state(torn) == old


def test_flags_of_the_index_and_what_is_to_be_added_stay(package: Package, torn: Path) -> None:
    write(torn / "later.txt", "later\n")
    git("status", cwd=torn)
    git("update-index", "--assume-unchanged", "b.txt", cwd=torn)
    git("update-index", "--skip-worktree", "deep/c.txt", cwd=torn)
    flags, old = git("ls-files", "-v", cwd=torn), state(torn)
    package.told("update", cwd=torn, code=1)
    package.told("update", "--abort", cwd=torn)
    assert git("ls-files", "-v", cwd=torn) == flags
    assert state(torn) == old


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_an_edit_that_git_was_told_not_to_see_is_not_overwritten(
    package: Package, shop: Path, flag: str
) -> None:
    git("update-index", flag, "a.txt", cwd=shop)
    write(shop / "a.txt", "mine alone\n")
    foretold = package.headstart("update", "--preview", cwd=shop)
    assert foretold.returncode == 0
    assert "It would be refused now" in foretold.stdout
    assert "a.txt" in foretold.stdout.partition("It would be refused now")[2]
    run = package.headstart("update", cwd=shop)
    assert run.returncode == 4
    assert "a.txt" in run.stderr
    assert "git update-index --no-" in run.stderr
    assert (shop / "a.txt").read_text() == "mine alone\n"
    assert notes(shop) == []


@pytest.mark.parametrize("name", ["shop", "torn"])
def test_modes_that_git_does_not_look_at_stay(
    package: Package, name: str, request: pytest.FixtureRequest
) -> None:
    project: Path = request.getfixturevalue(name)
    git("config", "core.fileMode", "false", cwd=project)
    (project / "a.txt").chmod(0o755)
    package.headstart("update", "--no-verify", cwd=project)
    assert (project / "a.txt").stat().st_mode & 0o777 == 0o755
    package.told("update", "--abort" if name == "torn" else "--rollback", cwd=project)
    assert (project / "a.txt").stat().st_mode & 0o777 == 0o755


def unseen(shop: Path, *flags: str) -> tuple[str, str]:
    """Edits elsewhere that git was told not to see; the flags of the index, and the state."""
    for flag in flags:
        git("update-index", flag, "deep/c.txt", cwd=shop)
    write(shop / "deep/c.txt", "c\nmy local line\n")
    return git("ls-files", "-v", cwd=shop), str(state(shop))


FLAGS = [("--assume-unchanged",), ("--skip-worktree",), ("--assume-unchanged", "--skip-worktree")]


@pytest.mark.parametrize("flags", FLAGS)
def test_flags_of_edited_files_survive_a_hook_that_refuses(
    package: Package, shop: Path, flags: tuple[str, ...]
) -> None:
    old = unseen(shop, *flags)
    hook(shop, "pre-commit", "exit 1")
    assert package.headstart("update", cwd=shop).returncode == 1
    assert (git("ls-files", "-v", cwd=shop), str(state(shop))) == old
    hook(shop, "pre-commit", "exit 0")
    for way in ("--no-verify", "--rollback"):
        package.told("update", way, cwd=shop)
        assert (shop / "deep/c.txt").read_text() == "c\nmy local line\n"
    assert git("ls-files", "-v", cwd=shop) == old[0]


@pytest.mark.parametrize("flags", FLAGS)
def test_flags_of_edited_files_survive_an_abort(
    package: Package, torn: Path, flags: tuple[str, ...]
) -> None:
    old = unseen(torn, *flags)
    package.told("update", cwd=torn, code=1)
    package.told("update", "--abort", cwd=torn)
    assert (git("ls-files", "-v", cwd=torn), str(state(torn))) == old


# -- full disks, read-only repositories ------------------------------------------------------------


def on_disk(shop: Path, small: Path) -> Path:
    return Path(shutil.copytree(shop, small / "shop", symlinks=True))


@pytest.mark.slow
@pytest.mark.parametrize("room", [0, 24, 48, 64, 80, 96, 112, 128])
def test_a_full_disk_leaves_the_old_or_the_new(
    package: Package, shop: Path, tmp_path: Path, room: int
) -> None:
    package.headstart("update", "--preview", cwd=shop)
    with disk(tmp_path / "small", "size=8m") as small:
        there = on_disk(shop, small)
        old = state(there)
        write(small / "room", "x" * room * 1024)
        fill(small)
        (small / "room").unlink()
        run = package.headstart("update", "--no-verify", cwd=there)
        remount(small, "size=8m")
        if run.returncode:
            assert "room" in run.stderr
            assert "itself failed" not in run.stderr
            assert state(there) == old
            assert notes(there) == []
        package.told("update", "--no-verify", cwd=there)
        assert (there / "new/d.txt").read_text() == "d\n"


def test_undoing_on_a_full_disk_loses_nothing_and_is_done_later(
    package: Package, torn: Path, tmp_path: Path
) -> None:
    with disk(tmp_path / "small", "size=8m") as small:
        there = on_disk(torn, small)
        old = state(there)
        package.told("update", cwd=there, code=1)
        write(there / "a.txt", "half of my work\n" * 1000)
        fill(small)
        run = package.headstart("update", "--abort", cwd=there)
        assert run.returncode == 1
        assert "headstart update --abort" in run.stderr
        assert (there / "a.txt").read_text() == "half of my work\n" * 1000
        remount(small, "size=8m")
        rescue = package.told("update", "--abort", cwd=there)["rescue"]
        assert git("show", f"{rescue}:a.txt", cwd=there).startswith("half of my work")
        assert state(there) == old
        assert notes(there) == []


def test_undoing_needs_no_room_where_nobody_has_worked(
    package: Package, torn: Path, tmp_path: Path
) -> None:
    with disk(tmp_path / "small", "size=8m") as small:
        there = on_disk(torn, small)
        old = state(there)
        package.told("update", cwd=there, code=1)
        fill(small)
        package.told("update", "--abort", cwd=there)
        remount(small, "size=8m")
        assert state(there) == old


@pytest.mark.parametrize("command", [("update",), ("update", "--abort"), ("fleet", "update", ".")])
def test_a_repository_that_is_read_only_is_named(
    package: Package, shop: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    with disk(tmp_path / "small", "size=8m") as small:
        there = on_disk(shop, small)
        remount(small, "ro")
        run = package.headstart(*command, cwd=there)
        assert run.returncode == 1
        said = run.stdout + run.stderr
        assert "read-only file system" in said
        assert ".git" in said
        assert "make it writable" in said


@pytest.mark.parametrize("name", ["TMPDIR", "HEADSTART_STATE_DIR"])
def test_a_full_place_for_temporary_files_is_named(
    package: Package, shop: Path, tmp_path: Path, name: str
) -> None:
    with disk(tmp_path / "small", "size=8k") as small:
        run = package.headstart("update", "--preview", cwd=shop, **{name: str(small)})
        if run.returncode:
            assert "itself failed" not in run.stderr
            assert f"({name})" in run.stderr
            assert str(small) in run.stderr


# -- in the middle of something --------------------------------------------------------------------


@pytest.mark.parametrize("blocks", [1, 8])
def test_a_limit_of_file_sizes_is_named(package: Package, shop: Path, blocks: int) -> None:
    big = "".join(f"{number}\n" for number in range(200_000))
    package.release("3.0.0", {"big.txt": hashlib.sha256(big.encode()).hexdigest() + big})
    package.told("status", cwd=shop, code=2)  # unpacks the template
    old = state(shop)
    words = ("-m", "bootstrap", "update", "--no-verify")
    limited = f'ulimit -f {blocks}; exec "$@"'
    run = subprocess.run(
        ["/bin/bash", "-c", limited, "limited", sys.executable, *words],
        cwd=shop,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(package.root)},
    )
    assert run.returncode == 1, run.stdout + run.stderr
    assert "ulimit -f unlimited" in run.stderr
    assert state(shop) == old
    assert package.told("update", "--no-verify", cwd=shop)["commit"]


def test_answers_in_conflict_do_not_hide_a_merge(package: Package, shop: Path) -> None:
    git("checkout", "--quiet", "-b", "other", cwd=shop)
    package.told("update", "--no-verify", cwd=shop)
    git("checkout", "--quiet", "main", cwd=shop)
    answers = (shop / ".copier-answers.yml").read_text()
    write(shop / ".copier-answers.yml", answers.replace("v1.0.0", "v1.5.0"))
    commit(shop)
    with pytest.raises(subprocess.CalledProcessError):
        git("merge", "other", cwd=shop)
    run = package.headstart("status", cwd=shop)
    assert run.returncode == 4
    assert "in the middle of a merge" in run.stderr
