"""An update that is killed anywhere leaves the old state or the new, or one to take back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bootstrap.project import rollback, update_state
from bootstrap.project.repository import open_repository
from tests.lifecycle.conftest import Package, write
from tests.project.conftest import git, tree

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
@pytest.mark.parametrize("inside", [" read-tree -m -u ", " commit --quiet "])
@pytest.mark.parametrize("delay", [0.001, 0.003, 0.006, 0.01])
def test_killed_where_it_writes_the_same_command_goes_on(
    package: Package, shop: Path, tmp_path: Path, delay: float, inside: str
) -> None:
    head = git("rev-parse", "HEAD", cwd=shop)
    ran = counted(package, shop, tmp_path)
    new = state(shop)
    git("reset", "--hard", "--quiet", head, cwd=shop)
    (at,) = (number for number, line in enumerate(ran, 1) if inside in line)
    killed(package, shop, tmp_path, at, inside=delay)
    package.told("update", cwd=shop)
    assert state(shop) == new
    assert package.told("status", cwd=shop)["update_available"] is False


def test_what_git_has_put_back_after_a_kill_is_no_unfinished_update(
    package: Package, shop: Path, tmp_path: Path
) -> None:
    head = git("rev-parse", "HEAD", cwd=shop)
    ran = counted(package, shop, tmp_path)
    git("reset", "--hard", "--quiet", head, cwd=shop)
    (at,) = (number for number, line in enumerate(ran, 1) if " commit --quiet " in line)
    killed(package, shop, tmp_path, at)
    assert package.headstart("status", cwd=shop).returncode == 4
    git("reset", "--hard", "--quiet", cwd=shop)
    write(shop / "unrelated.txt", "mine\n")
    git("add", "--intent-to-add", "unrelated.txt", cwd=shop)
    assert package.told("status", cwd=shop, code=2)["update_available"]
    package.told("update", cwd=shop)
    assert (shop / "unrelated.txt").read_text() == "mine\n"
    assert git("ls-files", "unrelated.txt", cwd=shop)


@pytest.mark.slow
def test_what_was_edited_after_a_kill_is_never_put_back_unasked(
    package: Package, shop: Path, tmp_path: Path
) -> None:
    head, old = git("rev-parse", "HEAD", cwd=shop), state(shop)
    ran = counted(package, shop, tmp_path)
    git("reset", "--hard", "--quiet", head, cwd=shop)
    (at,) = (number for number, line in enumerate(ran, 1) if " commit --quiet " in line)
    killed(package, shop, tmp_path, at)
    write(shop / "a.txt", "written since\n")
    run = package.headstart("update", cwd=shop)
    assert run.returncode == 4
    assert "headstart update --abort" in run.stderr
    rescue = package.told("update", "--abort", cwd=shop)["rescue"]
    assert git("show", f"{rescue}:a.txt", cwd=shop) == "written since"
    assert state(shop) == old


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
