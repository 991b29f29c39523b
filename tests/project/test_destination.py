"""A project appears complete or not at all, whenever a run is interrupted."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bootstrap.errors import Refused
from bootstrap.project.destination import acceptable, move_into_place, staging
from tests import forkserver
from tests.forkserver import PIPE
from tests.project.conftest import headstart, made, tree
from tests.waiting import LONG, wait_until


def prepare(folder: Path, name: str) -> Path:
    project = folder / name
    (project / "app").mkdir(parents=True)
    (project / "app/main.py").write_text("app")
    (project / "README.md").write_text("readme")
    return project


def test_a_workshop_is_hidden_beside_a_new_destination_and_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "shop"
    with staging(path) as folder:
        assert folder.parent == tmp_path
        assert folder.name.startswith(f".shop.headstart-{os.getpid()}-")
        move_into_place(prepare(folder, "shop"), path)
    assert list(tmp_path.iterdir()) == [path]
    assert (path / "app/main.py").is_file()


def interrupted(path: Path, *moved: str) -> None:
    """A run that prepares a project, begins to move it and is then interrupted."""
    with staging(path) as folder:
        project = prepare(folder, "shop")
        (folder / "moved.json").write_text(json.dumps(["README.md", "app"]))
        for name in moved:
            (project / name).rename(path / name)
        raise KeyboardInterrupt


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "shop")
    assert not list(tmp_path.iterdir())


def test_a_failure_amid_the_move_empties_the_destination_again(tmp_path: Path) -> None:
    path = folder(tmp_path / "shop")
    with pytest.raises(KeyboardInterrupt):
        interrupted(path, "README.md")
    assert not list(path.iterdir())


@pytest.mark.parametrize("existing", [False, True], ids=["new folder", "existing folder"])
def test_what_appears_meanwhile_is_not_overwritten(tmp_path: Path, *, existing: bool) -> None:
    path = tmp_path / "shop"
    if existing:
        path.mkdir()
    with staging(path) as workplace:
        project = prepare(workplace, "shop")
        path.mkdir(exist_ok=True)
        (path / "README.md").write_text("mine")
        with pytest.raises(Refused, match="not empty"):
            move_into_place(project, path)
    assert tree(tmp_path) == {"shop/README.md": (False, b"mine")}


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "shop"
    with staging(path) as workplace:
        project = prepare(workplace, "shop")
        path.write_text("mine")
        with pytest.raises(Refused):
            move_into_place(project, path)
    assert path.read_text() == "mine"


def test_what_killed_runs_left_is_removed(tmp_path: Path, dead_process: int) -> None:
    path = tmp_path / "shop"
    prepare(tmp_path / f".shop.headstart-{dead_process}-abc", "shop")
    assert acceptable(path) == path
    assert not list(tmp_path.iterdir())


def test_what_a_killed_run_had_moved_is_taken_back(tmp_path: Path, dead_process: int) -> None:
    path = tmp_path / "shop"
    leftover = path / f".shop.headstart-{dead_process}-abc"
    prepare(leftover, "shop").joinpath("app").rename(path / "app")
    (leftover / "moved.json").write_text(json.dumps(["README.md", "app"]))
    assert acceptable(path) == path
    assert not list(path.iterdir())


def test_what_a_person_put_there_since_is_kept(tmp_path: Path, dead_process: int) -> None:
    path = tmp_path / "shop"
    leftover = path / f".shop.headstart-{dead_process}-abc"
    prepare(leftover, "shop").joinpath("app").rename(path / "app")
    (leftover / "moved.json").write_text(json.dumps(["README.md", "app"]))
    (path / "mine.txt").write_text("mine")
    with pytest.raises(Refused, match="not empty"):
        acceptable(path)
    assert list(path.iterdir()) == [path / "mine.txt"]


def test_the_workshop_of_a_running_process_is_its_own(tmp_path: Path) -> None:
    running = tmp_path / f".shop.headstart-{os.getppid()}-abc"
    prepare(running, "shop")
    acceptable(tmp_path / "shop")
    assert running.is_dir()


def test_other_projects_and_folders_that_look_alike_are_left_alone(
    tmp_path: Path, dead_process: int
) -> None:
    others = [f".shopping.headstart-{dead_process}-a", ".shop.headstart-mine", ".shop.headstart"]
    for name in others:
        (tmp_path / name).mkdir()
    acceptable(tmp_path / "shop")
    assert {path.name for path in tmp_path.iterdir()} == set(others)


def test_of_two_runs_at_once_one_wins_and_the_other_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bootstrap", "new", "shop", "--defaults"]
    runs = [
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    errors = [run.communicate()[1].decode() for run in runs]
    assert sorted(run.returncode for run in runs) == [0, 4], errors
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    process = start("shop", tmp_path)
    wait_for_workshop(tmp_path)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130, errors
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("existing", [False, True], ids=["new folder", "existing folder"])
def test_kill_at_any_moment_leaves_no_half_project(tmp_path: Path, *, existing: bool) -> None:
    made("reference/shop", cwd=folder(tmp_path / "reference").parent)
    reference = tree(tmp_path / "reference/shop")
    chance = random.Random(7)
    for attempt in range(6):
        parent = folder(tmp_path / str(attempt))
        if existing:
            (parent / "shop").mkdir()
        process = start("shop", parent)
        wait_for_workshop(parent)
        time.sleep(chance.uniform(0, 0.3))
        process.kill()
        process.communicate()
        if not existing:
            assert not (parent / "shop").exists() or tree(parent / "shop") == reference
        run = headstart("new", "shop", "--defaults", cwd=parent)
        assert run.returncode == 0 or tree(parent / "shop") == reference, run.stderr
        assert tree(parent / "shop") == reference
        assert [path.name for path in parent.iterdir()] == ["shop"]


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def start(name: str, cwd: Path) -> forkserver.Forked:
    command = ("-m", "bootstrap", "new", name, "--defaults")
    return forkserver.of_headstart().start(*command, cwd=cwd, env=os.environ, stderr=PIPE)


def wait_for_workshop(parent: Path) -> None:
    def is_there() -> bool:
        return bool([*parent.glob(".shop.*"), *parent.glob("shop/.shop.*")])

    wait_until(is_there, "the hidden folder", LONG, 0.002)
