"""On a Mac's disk every spelling of a name is the same file: one project, one lock, one venv."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootstrap.paths import real_path
from tests.conftest import disk_without_case
from tests.machine.conftest import Shop

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with disk_without_case(tmp_path / "disk") as disk:
        yield disk


def test_a_new_project_is_no_other_one_in_capitals(disk: Path, tmp_path: Path) -> None:
    shop = Shop(disk, tmp_path / "state")
    options = ("--preset", "minimal", "--defaults", "--version", "0.7.0")
    made = shop.headstart("new", "shop", *options)
    assert made.returncode == 0, made.stderr
    refused = shop.headstart("new", "Shop", "--preset", "minimal", "--defaults")
    assert refused.returncode == 4
    assert "it is the folder shop: capitals are not told from small letters there" in refused.stderr
    for command in (("update",), ("update", "--rollback")):
        done = shop.headstart(*command, "--project", "SHOP")
        assert done.returncode == 0, done.stdout + done.stderr
    listed = shop.headstart("fleet", "status", "shop", "SHOP", "--json")
    assert listed.stdout.count('"path"') == 1, listed.stdout


def test_however_it_is_spelled_it_is_one_project_with_one_venv(
    shop: Shop, disk: Path, tmp_path: Path
) -> None:
    root = disk / "a" / "shop"
    shutil.copytree(shop.root, root)
    ours = Shop(root, tmp_path / "state")
    shared = f"layout: shared\n  root: {disk}/venvs"
    ours.edit("toolchain.yml", "layout: in-project", shared)
    done = ours.headstart("up")
    assert done.returncode == 0, done.stdout + done.stderr

    # The project by another spelling: nothing to do, and no second state, journal or lock.
    respelled = str(disk / "A" / "SHOP")
    assert '"nothing-to-do"' in ours.headstart("up", "--json", "--project", respelled).stdout
    assert ours.headstart("check", "--project", respelled).returncode == 0
    assert len(list((tmp_path / "state" / "projects").iterdir())) == 1

    # Its venv by another spelling: the scripts in it lead to the same folder.
    ours.edit("toolchain.yml", f"{disk}/venvs", f"{disk}/VENVS")
    assert ours.headstart("check").returncode == 0
    assert {each["step"] for each in ours.findings()} == {"verification"}  # by another command

    # Another project of that name, whose venv would be the same folder: the owner decides.
    shutil.copytree(root, disk / "b" / "shop")
    theirs = Shop(disk / "b" / "shop", tmp_path / "state")
    theirs.edit("toolchain.yml", f"{disk}/VENVS", f"{disk}/Venvs")
    refused = theirs.headstart("up")
    assert refused.returncode == 4
    assert "is the environment of another project" in refused.stderr
    assert ours.headstart("check").returncode == 0


def test_a_path_is_spelled_as_its_folder_lists_it(disk: Path) -> None:
    (disk / "some" / "folder").mkdir(parents=True)
    assert real_path(disk / "SOME" / "Folder" / "new") == disk / "some" / "folder" / "new"
    assert real_path(disk / "other") == disk / "other"
