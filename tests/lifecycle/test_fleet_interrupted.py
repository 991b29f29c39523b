"""`headstart fleet`, interrupted, killed and at work twice: the same command goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lifecycle.conftest import Package, write
from tests.lifecycle.fleets import BRANCH, another, branched, fleet, state
from tests.project.conftest import git
from tests.waiting import LONG, wait_until

PAUSE = """\
#!/bin/sh
case " $* " in *" {when} "*)
    if [ "$(basename "$PWD")" = "{where}" ]; then : > "{sign}"; {what}; fi
esac
exec {git} "$@"
"""


def git_that(folder: Path, what: str, *, when: str, where: str) -> dict[str, str]:
    """The environment in which git does something first, at one command in one folder."""
    real, sign = shutil.which("git"), folder / "sign"
    write(folder / "bin/git", PAUSE.format(git=real, sign=sign, what=what, when=when, where=where))
    (folder / "bin/git").chmod(0o755)
    return {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}


def started(package: Package, folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bootstrap", "fleet", "update", "--jobs", "2"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(package.root), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
def test_a_worker_that_dies_takes_one_project_with_it(
    package: Package, first: Path, tmp_path: Path
) -> None:
    for name in ("b", "c", "d"):
        another(first, name)
    crash = 'kill -KILL "$PPID"'
    environment = git_that(tmp_path, crash, when="merge-tree", where="b")
    run = started(package, first.parent, environment)
    out, _ = run.communicate()
    assert run.returncode == 1
    assert "died: SIGKILL" in out
    assert "4 projects: 3 on a branch, 1 failed." in out
    assert fleet(package, first.parent, "update").counts == {"branched": 4}


@pytest.mark.slow
@pytest.mark.parametrize("when", ["merge-tree", "update-ref"])
def test_killed_in_the_middle_it_goes_on_with_the_same_command(
    package: Package, first: Path, tmp_path: Path, when: str
) -> None:
    shops = [first, *(another(first, name) for name in ("b", "c", "d"))]
    for shop in shops:
        write(shop / "untracked.txt", "mine\n")
    before = [state(shop) for shop in shops]
    run = started(
        package, first.parent, git_that(tmp_path, "exec sleep 3600", when=when, where="b")
    )
    wait_until((tmp_path / "sign").exists, "a worker to begin", LONG, 0.01)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    (shops[1] / f".git/refs/heads/{BRANCH}").parent.mkdir(exist_ok=True, parents=True)
    (shops[1] / f".git/refs/heads/{BRANCH}.lock").touch()  # what a killed git leaves behind
    assert fleet(package, first.parent, "update").counts == {"branched": 4}
    assert [state(shop) for shop in shops] == before
    for shop in shops:
        assert git("rev-list", "--count", "main..headstart/update-2.0.0", cwd=shop) == "1"
        git("fsck", "--strict", cwd=shop)


@pytest.mark.slow
def test_workers_end_with_a_fleet_that_is_killed(
    package: Package, first: Path, tmp_path: Path
) -> None:
    another(first, "b")
    pause = "sleep 1"
    run = started(package, first.parent, git_that(tmp_path, pause, when="merge-tree", where="b"))
    wait_until((tmp_path / "sign").exists, "a worker to begin", LONG, 0.01)
    run.kill()
    assert run.communicate(timeout=600)[0] == "", "ends with the last process that can write there"


@pytest.mark.slow
def test_ctrl_c_ends_all_at_once(package: Package, first: Path, tmp_path: Path) -> None:
    another(first, "b")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    paused = git_that(tmp_path, "exec sleep 3600", when="merge-tree", where="b")
    run = started(package, first.parent, {"TMPDIR": str(temporary), **paused})
    wait_until((tmp_path / "sign").exists, "a worker to begin", LONG, 0.01)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to all of them
    out, err = run.communicate(timeout=600)
    assert run.returncode == 130
    assert "Interrupted" in err
    assert "Traceback" not in out + err
    assert not list(temporary.iterdir()), "what the workers had begun is cleared away"
    assert not branched(first.parent / "b")


@pytest.mark.slow
def test_two_fleets_at_once_do_not_mix(package: Package, first: Path) -> None:
    shops = [first, *(another(first, name) for name in ("b", "c"))]
    both = [started(package, first.parent, {}) for _ in range(2)]
    told = [run.communicate() for run in both]
    assert all("Traceback" not in err for _, err in told)
    for shop in shops:
        assert git("rev-list", "--count", f"main..{BRANCH}", cwd=shop) == "1"
    assert fleet(package, first.parent, "update").counts == {"branched": 3}
