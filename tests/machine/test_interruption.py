"""Killed, interrupted, started twice: the same command always converges."""

from __future__ import annotations

import os
import re
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from tests import forkserver
from tests.conftest import disk, remount
from tests.machine.conftest import Shop, is_alive, other_python
from tests.waiting import LONG, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow


def lines(shop: Shop) -> int:
    return sum(
        path.read_bytes().count(b"\n") for path in shop.state.glob("projects/*/journal.jsonl")
    )


def kill_when(shop: Shop, condition: Callable[[], bool]) -> bool:
    """Start `up` and kill it at once when `condition` holds; False if it was done before."""
    running = shop.start("up")
    wait_until(
        lambda: condition() or running.poll() is not None, "the moment to kill it", LONG, 0.01
    )
    if running.poll() is not None:
        return False
    running.kill()
    running.communicate()
    return True


def kill_after(shop: Shop, more: int) -> bool:
    goal = lines(shop) + more + 1
    return kill_when(shop, lambda: lines(shop) >= goal)


def assert_converged(shop: Shop) -> None:
    shop.up()
    assert shop.findings() == []
    assert not list(shop.root.glob(".venv.aside-*"))
    assert not list(shop.root.glob("*.draft"))


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_killed_again_and_again_it_still_arrives(shop: Shop, stride: int) -> None:
    """Each run is killed when it has written `stride` more lines to the journal."""
    while kill_after(shop, stride):
        stride += 1
    assert_converged(shop)


@pytest.mark.parametrize("step", ["venv", "packages"])
@pytest.mark.parametrize("seconds", ["0.1", "3600"])
def test_killed_in_the_middle_of_a_replacement_it_arrives(
    ready: Shop, step: str, seconds: str
) -> None:
    """So far into a step, or at its end, before the journal knows of it."""
    (ready.root / ".python-version").write_text(f"{other_python()}\n")
    command = ("-m", "tests.machine.killing", step, seconds, "up")
    environment = ready.environment({})
    killed = forkserver.of_headstart().run(*command, cwd=ready.root, env=environment)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert_converged(ready)


def test_a_command_that_outlives_a_killed_run_is_ended_by_the_next(ready: Shop) -> None:
    running, proof = ready.block_the_proof()
    running.kill()
    running.communicate()
    assert is_alive(proof)
    proving = ready.root / "proving"
    proving.unlink()
    second = ready.start("up")
    wait_until(proving.exists, "the second proof", LONG, 0.01)
    assert not is_alive(proof)
    ready.release_the_proof()
    _, progress = second.communicate(timeout=600)
    assert "The previous run was interrupted during the step verification" in progress
    assert_converged(ready)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_leaves_nothing_running(ready: Shop, number: signal.Signals) -> None:
    running, proof = ready.block_the_proof()
    running.send_signal(number)
    _, told = running.communicate(timeout=600)
    assert running.returncode == 130
    assert "Interrupted" in told
    assert "Traceback" not in told
    assert not is_alive(proof)
    assert ready.journal()[-1]["ending"] == "interrupted"
    ready.release_the_proof()
    assert_converged(ready)


def test_even_a_grandchild_that_ignores_ctrl_c_is_ended(ready: Shop) -> None:
    (ready.root / "prove.py").write_text(
        "import os, pathlib, subprocess, sys\n"
        "child = subprocess.Popen(['sh', '-c', 'trap \"\" INT TERM; sleep 3600; sleep 3600'])\n"
        "pathlib.Path('proving').write_text(str(child.pid))\n"
        "child.wait()\n"
    )
    running, grandchild = ready.block_the_proof()
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=600)
    wait_until(lambda: not is_alive(grandchild), "its grandchild to end", LONG, 0.01)
    ready.release_the_proof()


def test_a_second_run_is_refused_and_told_who_the_first_is(ready: Shop) -> None:
    running, _ = ready.block_the_proof()
    second = ready.headstart("up", "--prove")
    assert second.returncode == 4
    assert f"process {running.pid}" in second.stderr
    ready.release_the_proof()
    running.communicate(timeout=600)
    assert running.returncode == 0


@pytest.mark.parametrize("place", ["root", "state"])
def test_a_disk_that_fills_up_is_told_and_roomier_it_arrives(
    shop: Shop, tmp_path: Path, place: str
) -> None:
    """The project's disk, and that of the journal."""
    full = {"root": "size=3m", "state": "size=8k"}[place]
    with disk(tmp_path / "disk", full) as small:
        moved = Shop(small / "shop", tmp_path / "state")
        if place == "state":
            moved = Shop(shop.root, small / "state")
        else:
            shutil.copytree(shop.root, moved.root)
        failed = moved.headstart("up")
        assert failed.returncode == 1, failed.stderr
        assert re.search("disk is full|No space left on device", failed.stderr)
        assert "Traceback" not in failed.stderr
        remount(small, "size=200m")
        assert_converged(moved)


def test_a_half_installed_package_is_made_whole(ready: Shop) -> None:
    """What a killed pip leaves: files and metadata, but no RECORD."""
    (folder,) = ready.root.glob(".venv/lib/*/site-packages/pluggy-*.dist-info")
    (folder / "RECORD").unlink()
    (ready.root / ".venv" / "headstart-packages.json").unlink()
    ready.up()
    assert (folder / "RECORD").exists()
    assert_converged(ready)


def test_a_creation_that_was_killed_is_redone(shop: Shop) -> None:
    half = shop.root / ".venv"
    (half / "lib").mkdir(parents=True)
    (half / ".headstart-incomplete").touch()
    assert_converged(shop)
    assert not (half / ".headstart-incomplete").exists()


def test_a_read_only_state_folder_is_an_error_for_people(shop: Shop, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        (tmp_path / "state").write_text("a file is in the way")
    else:
        (tmp_path / "state").mkdir(mode=0o500)
    failed = shop.headstart("up")
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert str(tmp_path / "state") in failed.stderr
