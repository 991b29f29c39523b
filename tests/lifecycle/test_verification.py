"""After an update: what is looked at, what is mended, what leads back, and what survives a kill."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lifecycle.conftest import Files, Package, bare, commit, write
from tests.lifecycle.test_revisions import chain, text
from tests.project.conftest import git, tree
from tests.project.test_terminal import ENTER
from tests.terminal import headstart_at_terminal
from tests.waiting import LONG, wait_until

Checks = dict[str, dict[str, Any]]

MAKEFILE = """\
VENV := .venv
check: ; @test ! -f broken || test ! -f b.txt || { echo "broken.py:1: F401"; exit 1; }
test: ; @touch testing; while test -f wait; do sleep 0.05; done; sh suite || exit 1; echo "3 passed"
lock: ; @test -f index || { echo "no network" >&2; exit 1; }; cp index requirements.lock
"""
TOOLCHAIN = """\
version: 1
project: shop
pip: "26.3"
venv: {{layout: shared, root: {root}}}
packages: {{installer: pip, lock: requirements.lock}}
"""
PROJECT = '[project]\nname = "shop"\ndependencies = [{}]\n'


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the one environment of all these projects is."""
    return tmp_path_factory.mktemp("environments")


@pytest.fixture
def one(environments: Path) -> Files:
    """The files of 1.0.0: a project with pins, and commands that are quick."""
    return {
        "Makefile": MAKEFILE,
        "toolchain.yml": TOOLCHAIN.format(root=environments),
        ".python-version": f"{platform.python_version()}\n",
        ".gitignore": "testing\nwait\n",
        "requirements.lock": "",
        "suite": "",
        "pyproject.toml": PROJECT.format(""),
        "a.toml": "a = 1\n",
    }


@pytest.fixture
def fresh(tmp_path: Path) -> Package:
    """A package with no release yet."""
    return bare(tmp_path / "headstart")


@pytest.fixture(scope="session")
def ready() -> dict[str, Package]:
    """The package that most of these tests only read."""
    return {}


@pytest.fixture
def package(
    ready: dict[str, Package], one: Files, tmp_path_factory: pytest.TempPathFactory
) -> Package:
    """A package with 1.0.0 and 2.0.0, and beside it a project of 1.0.0; not to be changed."""
    if not ready:
        package = bare(tmp_path_factory.mktemp("ready") / "headstart")
        package.release("1.0.0", one)
        package.new(package.root.with_name("shop"), "1.0.0")
        package.release("2.0.0", {"a.toml": "a = 2\n", "b.txt": "b\n"})
        ready["package"] = package
    return ready["package"]


@pytest.fixture
def shop(package: Package, tmp_path: Path) -> Path:
    """A project of 1.0.0 with a commit of its own, where 2.0.0 is available."""
    shop = tmp_path / "shop"
    shutil.copytree(package.root.with_name("shop"), shop)
    write(shop / "mine.txt", "mine\n")
    commit(shop)
    return shop


def checks(told: dict[str, Any]) -> Checks:
    return {check["name"]: check for check in told["verification"]["checks"]}


def endings(told: dict[str, Any]) -> dict[str, str]:
    return {name: check["ending"] for name, check in checks(told).items()}


# -- by the files ----------------------------------------------------------------------------------


def test_where_nobody_is_asked_only_the_files_tell(package: Package, shop: Path) -> None:
    told = package.told("update", cwd=shop)
    assert endings(told) == {"files": "passed", "lock": "passed", "make check, make test": "open"}
    assert told["verification"]["outcome"] == "open"
    text = package.headstart("update", "--verify", cwd=shop).stdout
    assert "✓ make test: 3 passed" in text
    assert "Verified." in text
    assert "headstart update --rollback" in text


@pytest.mark.parametrize("target", ["check", "test"])
def test_it_is_not_called_verified_where_a_part_of_it_does_not_exist(
    package: Package, shop: Path, target: str
) -> None:
    write(shop / "Makefile", MAKEFILE.replace(f"{target}: ;", f"my-{target}: ;"))
    commit(shop)
    text = package.headstart("update", "--verify", cwd=shop).stdout
    assert "Verified." not in text
    other = {"check": "test", "test": "check"}[target]
    (line,) = [each for each in text.splitlines() if each.startswith("Verified: ")]
    names = line.removeprefix("Verified: ").removesuffix(".").split(", ")
    assert sorted(names) == ["files", "lock", f"make {other}", "pins"]
    assert f"Not verified, make {target}: there is no `make {target}` here" in text


def test_it_is_not_called_verified_where_no_pins_name_the_tools(
    package: Package, shop: Path
) -> None:
    git("rm", "--quiet", "toolchain.yml", cwd=shop)
    commit(shop)
    text = package.headstart("update", "--verify", cwd=shop).stdout
    assert "Verified: files, lock." in text
    assert "Not verified, make check, make test: no toolchain.yml" in text


def test_two_newest_revisions_do_not_pass(package: Package, shop: Path) -> None:
    texts = chain("0001") | {f"{name}.py": text(name, "0001") for name in ("b", "c")}
    for name, content in texts.items():
        write(shop / "migrate/versions" / name, content)
    commit(shop)
    told = package.told("update", cwd=shop, code=1)
    assert checks(told)["revisions"]["details"] == ["b", "c"]
    shown = package.headstart("update", "--verify", cwd=shop).stdout
    assert "To fix revisions: python -m alembic merge heads" in shown
    said = package.headstart("update", "--no-verify", "--rollback", cwd=shop).stdout
    assert "To restore it: git reset --keep refs/headstart/rescue/" in said


def test_what_a_person_has_settled_is_looked_at_too(package: Package, shop: Path) -> None:
    write(shop / "a.toml", "a = 3\n")
    commit(shop)
    package.told("update", cwd=shop, code=1)
    write(shop / "a.toml", "a = 2\na = 3\n")
    git("add", "a.toml", cwd=shop)
    told = package.told("update", "--continue", cwd=shop, code=1)
    assert endings(told)["files"] == "failed"
    (detail,) = checks(told)["files"]["details"]
    assert detail.startswith("a.toml: ")


# -- locks -----------------------------------------------------------------------------------------


@pytest.fixture
def own(fresh: Package, tmp_path: Path, one: Files) -> Path:
    """A project with a dependency of its own, where 2.0.0 brings another."""
    pins = {"toolchain.yml": TOOLCHAIN.format(root=tmp_path / "environments")}
    asked = {"pyproject.toml": PROJECT.format('\n    "alpha",\n\n\n\n')}
    fresh.release("1.0.0", {**one, **pins, **asked})
    shop = fresh.new(tmp_path / "shop", "1.0.0")
    mine = PROJECT.format('\n    "alpha",\n\n\n    "mine",\n')
    write(shop / "pyproject.toml", mine)
    write(shop / "requirements.lock", "alpha==1\nmine==1\n")
    write(shop / "index", "alpha==2\nbeta==1\nmine==1\n")
    commit(shop)
    # All that this `make lock` needs of an environment is that there is one.
    write(tmp_path / f"environments/shop_{platform.python_version()}/bin/python", "")
    theirs = PROJECT.format('\n    "alpha",\n    "beta",\n\n\n')
    locked = {"requirements.lock": "alpha==2\nbeta==1\n"}
    fresh.release("2.0.0", {"pyproject.toml": theirs, **locked})
    return shop


def test_a_lock_that_does_not_fit_is_made_anew_as_a_commit_of_its_own(
    fresh: Package, own: Path
) -> None:
    before, old = tree(own), git("rev-parse", "HEAD", cwd=own)
    write(own / "untracked.txt", "mine\n")
    told = fresh.told("update", cwd=own)
    lock = checks(told)["lock"]
    assert lock["ending"] == "passed"
    assert lock["details"] == ["alpha 1 → 2", "beta 1 comes"]
    assert (own / "requirements.lock").read_text() == "alpha==2\nbeta==1\nmine==1\n"
    assert git("log", "-2", "--format=%s", cwd=own).splitlines()[0] == "Lock the packages"
    assert git("show", "--format=", "--name-only", "HEAD", cwd=own) == "requirements.lock"
    assert git("status", "--porcelain", cwd=own) == "?? untracked.txt"
    fresh.told("update", "--rollback", cwd=own)
    assert git("rev-parse", "HEAD", cwd=own) == old
    assert tree(own) == {**before, "untracked.txt": (False, b"mine\n")}


def test_a_lock_that_cannot_be_made_is_told_and_nothing_else_fails(
    fresh: Package, own: Path
) -> None:
    git("rm", "--quiet", "index", cwd=own)
    commit(own)
    told = fresh.told("update", cwd=own)
    lock = checks(told)["lock"]
    assert lock["ending"] == "open"
    assert lock["next"] == "make lock"
    assert lock["details"][0] == "requirements.lock has no beta"
    assert "no network" in lock["details"][-1] + lock["details"][-2]
    assert (own / "requirements.lock").read_text() == "alpha==1\nmine==1\n"


def test_locks_that_were_ready_when_it_was_killed_are_taken_over(fresh: Package, own: Path) -> None:
    fresh.told("update", cwd=own)
    ready = git("rev-parse", "HEAD", cwd=own)
    for half in (False, True):
        git("update-ref", "refs/headstart/lock", ready, cwd=own)
        git("reset", "--hard", "--quiet", "HEAD^", cwd=own)
        if half:
            git("checkout", "--quiet", ready, "--", "requirements.lock", cwd=own)
        fresh.told("update", cwd=own)
        assert git("rev-parse", "HEAD", cwd=own) == ready
        assert git("status", "--porcelain", cwd=own) == ""
        assert "headstart/lock" not in git("for-each-ref", cwd=own)


# -- by the project's own tools --------------------------------------------------------------------


def test_pins_that_cannot_be_read_do_not_pass(package: Package, shop: Path) -> None:
    write(shop / "toolchain.yml", (shop / "toolchain.yml").read_text() + "pips: 1\n")
    commit(shop)
    told = package.told("update", cwd=shop, code=1)
    assert "toolchain.yml:6" in checks(told)["environment"]["details"][0]


def test_a_failure_is_told_with_its_lines_and_what_leads_back(package: Package, shop: Path) -> None:
    before = tree(shop)
    write(shop / "broken", "")
    commit(shop)
    told = package.told("update", "--verify", cwd=shop, code=1)
    check = checks(told)["make check"]
    assert check["ending"] == "failed"
    assert check["told"] == "failed; before the update it passed"
    assert "broken.py:1: F401" in check["details"]
    assert endings(told)["make test"] == "passed", "one failure hides no other"
    package.told("update", "--rollback", cwd=shop)
    assert {**before, "broken": (False, b"")} == {
        path: each for path, each in tree(shop).items() if path != "testing"
    }


SUITE = """\
echo run >> {runs}
echo "FAILED tests/test_a.py::test_old[{{1}}] - assert $(date +%N)"
{new}
echo "1 failed in 0.$(date +%N)s"
exit 1
"""


def test_what_failed_before_the_update_too_is_told_and_not_held_against_it(
    package: Package, shop: Path, tmp_path: Path
) -> None:
    """It ran once before the update, in a folder of its own; the second time that is known."""
    runs = tmp_path / "runs"
    write(shop / "suite", SUITE.format(runs=runs, new=""))
    commit(shop)
    told = package.told("update", "--verify", cwd=shop)
    check = checks(told)["make test"]
    assert check["ending"] == "open"
    assert check["told"] == "failed before the update too, and nothing new failed"
    assert check["next"] == "make test"
    assert told["verification"]["outcome"] == "open"
    assert len(runs.read_text().split()) == 2
    text = package.headstart("update", "--verify", cwd=shop).stdout
    assert "Verified." not in text
    assert "Not verified, make test: make test" in text
    assert len(runs.read_text().split()) == 3
    assert git("status", "--porcelain", cwd=shop) == ""


def test_an_interrupted_look_at_what_failed_before_leaves_nothing_and_goes_on(
    package: Package, shop: Path, tmp_path: Path
) -> None:
    """The tests that run in the copy wait; Ctrl-C ends them, and the copy is gone."""
    runs, wait = tmp_path / "runs", tmp_path / "wait-outside"
    write(
        shop / "suite",
        SUITE.format(runs=runs, new=f"test -f b.txt || while test -f {wait}; do sleep 0.05; done"),
    )
    write(wait, "")
    commit(shop)
    process = subprocess.Popen(
        [sys.executable, "-m", "bootstrap", "update", "--verify"],
        cwd=shop,
        env={**os.environ, "PYTHONPATH": str(package.root), "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    wait_until(lambda: runs.exists() and len(runs.read_text().split()) > 1, "the copy", LONG)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "The update stays, but it was not verified completely." in said
    assert not list(tmp_path.glob("headstart-*"))
    wait.unlink()
    told = package.told("update", "--verify", cwd=shop)
    assert checks(told)["make test"]["ending"] == "open"


def test_what_fails_anew_is_told_apart_from_what_failed_before(
    package: Package, shop: Path, tmp_path: Path
) -> None:
    new = 'test ! -f b.txt || echo "ERROR tests/test_b.py - ImportError: x - y"'
    write(shop / "suite", SUITE.format(runs=tmp_path / "runs", new=new))
    commit(shop)
    check = checks(package.told("update", "--verify", cwd=shop, code=1))["make test"]
    assert check["ending"] == "failed"
    assert check["told"] == "failed, and not as before the update: 1 new, 1 known"
    assert check["details"][0] == "tests/test_b.py"


def test_what_a_person_broke_after_the_update_is_new(package: Package, shop: Path) -> None:
    package.told("update", "--no-verify", cwd=shop)
    write(shop / "broken", "")
    commit(shop)
    told = package.told("update", "--verify", cwd=shop, code=1)
    assert endings(told)["make check"] == "failed"


def test_a_terminal_asks_to_verify_and_to_go_back(
    package: Package, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(package.root))
    write(shop / "broken", "")
    before = commit(shop)
    for answer, head in (("n", False), ("y", True)):
        terminal = headstart_at_terminal("update", *(["--verify"] if head else []), cwd=shop)
        try:
            if not head:
                terminal.expect("Verify it")
                terminal.type(ENTER)
            terminal.expect("Undo the update? [y/N]")
            terminal.type(answer, ENTER)
            assert terminal.end() == 1
        finally:
            terminal.close()
        assert (git("rev-parse", "HEAD", cwd=shop) == before) == head
    assert not (shop / "b.txt").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_verification_leaves_the_update_and_goes_on(
    package: Package, shop: Path, number: signal.Signals
) -> None:
    write(shop / "wait", "")
    process = subprocess.Popen(
        [sys.executable, "-m", "bootstrap", "update", "--verify"],
        cwd=shop,
        env={**os.environ, "PYTHONPATH": str(package.root)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    wait_until((shop / "testing").exists, "its tests to run", LONG)
    process.send_signal(number)
    said, _ = process.communicate(timeout=600)
    if number is signal.SIGINT:
        assert process.returncode == 130
        assert "The update stays, but it was not verified completely." in said
    assert (shop / "b.txt").exists()
    (shop / "wait").unlink()
    told = package.told("update", cwd=shop)
    assert told["applied"] is False
    assert endings(told)["files"] == "passed"
    assert "verification" not in package.told("update", cwd=shop)


# -- the way back ----------------------------------------------------------------------------------


def test_what_is_not_committed_stays_or_is_in_the_way(package: Package, shop: Path) -> None:
    package.told("update", cwd=shop)
    write(shop / "mine.txt", "edited\n")
    write(shop / "a.toml", "a = 9\n")
    refused = package.headstart("update", "--rollback", cwd=shop)
    assert refused.returncode == 4
    assert "a.toml" in refused.stderr
    git("checkout", "--", "a.toml", cwd=shop)
    told = package.told("update", "--rollback", cwd=shop)
    assert (shop / "mine.txt").read_text() == "edited\n"
    assert (shop / "a.toml").read_text() == "a = 1\n"
    git("checkout", "--", "mine.txt", cwd=shop)
    git("reset", "--keep", told["rescue"], cwd=shop)
    assert (shop / "b.txt").exists(), "and forth again"


def test_a_commit_that_came_after_is_never_taken_back(package: Package, shop: Path) -> None:
    nothing = package.headstart("update", "--rollback", cwd=shop)
    assert nothing.returncode == 4
    assert "no update to undo" in nothing.stderr
    package.told("update", cwd=shop)
    update = git("rev-parse", "--short", "HEAD", cwd=shop)
    write(shop / "mine.txt", "later\n")
    later = commit(shop, "Later")
    refused = package.headstart("update", "--rollback", cwd=shop)
    assert refused.returncode == 4
    assert "Later" in refused.stderr
    assert f"git revert {update}" in refused.stderr
    assert git("rev-parse", "HEAD", cwd=shop) == later
    assert "--rollback" not in package.headstart("update", "--verify", cwd=shop).stdout


def test_an_update_in_conflict_is_not_rolled_back(package: Package, shop: Path) -> None:
    write(shop / "a.toml", "a = 3\n")
    commit(shop)
    package.told("update", cwd=shop, code=1)
    refused = package.headstart("update", "--rollback", cwd=shop)
    assert refused.returncode == 4
    assert "headstart update --abort" in refused.stderr
    package.told("update", "--abort", cwd=shop)
    assert package.headstart("update", "--rollback", cwd=shop).returncode == 4


def test_the_newest_ten_backups_are_kept(package: Package, shop: Path) -> None:
    for number in range(12):
        name = f"refs/headstart/backup/20260101-0000{number:02}-v0.9.0-00000000"
        git("update-ref", name, "HEAD^", cwd=shop)
    package.told("update", cwd=shop)
    told = package.told("status", cwd=shop)
    assert len(told["backups"]) == 10
    assert "20260101-000003" in told["backups"][0]
    assert "v1.0.0" in told["backups"][-1]
    assert "days ago: refs/headstart" in package.headstart("status", cwd=shop).stdout


# -- what is for people ----------------------------------------------------------------------------


def test_what_is_for_people_is_told_before_and_after(
    fresh: Package, tmp_path: Path, one: Files
) -> None:
    settings = "class Settings(BaseSettings):\n    port: int = {}\n"
    fresh.release("1.0.0", {**one, "app/settings.py": settings.format(1), "b.txt": "b\n"})
    shop = fresh.new(tmp_path / "shop", "1.0.0")
    versions = {f"migrate/versions/{path}": each for path, each in chain("0001").items()}
    fresh.release(
        "2.0.0",
        {
            "app/settings.py": settings.format(2),
            "b.txt": None,
            "requirements.lock": "alpha==1\n",
            ".python-version": "3.12.9\n",
            **versions,
        },
    )
    foretold = fresh.told("update", "--preview", cwd=shop)
    told = fresh.told("update", "--no-verify", cwd=shop)
    keys = ("changed_defaults", "removed_files", "migrations", "pins", "packages")
    assert {key: foretold[key] for key in keys} == {key: told[key] for key in keys}
    (default,) = told["changed_defaults"]
    assert default == {"name": "PORT", "before": "1", "after": "2", "path": "app/settings.py"}
    assert told["removed_files"] == ["b.txt"]
    assert [each["id"] for each in told["migrations"]] == ["0001"]
    assert [each["after"] for each in told["pins"]] == ["3.12.9"]
    assert told["packages"] == [{"name": "alpha", "before": "", "after": "1"}]
    said = fresh.headstart("update", "--rollback", cwd=shop).stdout
    assert "migrate/versions/0001.py was removed with it" in said
    shown = fresh.headstart("update", "--preview", cwd=shop).stdout
    assert "changed default: PORT 1 → 2 (app/settings.py)" in shown
    assert "make up: installs all this" in shown
