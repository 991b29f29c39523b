"""No render is made twice, and nothing depends on that but time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from bootstrap.project.renders import KEPT
from tests.conftest import disk, remount
from tests.lifecycle.conftest import Files, Package, commit, write
from tests.project.conftest import git, tree

ONE: Files = {
    "a.txt": "1\n2\n3\n4\n5\n6\n7\n8\n",
    "b.sh": "b\n",
    "dos.txt": b"1\r\n2\r\n",
    "bin": b"\0\xff",
}
TWO: Files = {"a.txt": "1\ntwo\n3\n4\n5\n6\n7\n8\n", "b.sh": None, "{{ project_name }}.txt": "d\n"}
MINE = "1\n2\n3\n4\n5\n6\n7\nmine\n"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for state of this test's own."""
    monkeypatch.setenv("HEADSTART_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def shop(package: Package, tmp_path: Path) -> Path:
    """A project with an edit, where a newer template is to be had."""
    package.modes = {"b.sh": 0o755}
    assert package.release("1.0.0", ONE).returncode == 0
    shop = package.new(tmp_path / "shop", "1.0.0")
    write(shop / "a.txt", MINE)
    commit(shop)
    assert package.release("2.0.0", TWO).returncode == 0
    return shop


def renders(state: Path) -> dict[str, bytes]:
    """What is kept, by name."""
    return {path.name: path.read_bytes() for path in (state / "cache/renders").iterdir()}


def copy_of(project: Path, name: str) -> Path:
    """The same project, in another folder."""
    return Path(shutil.copytree(project, project.with_name(name), symlinks=True))


def renders_anew(package: Package, *command: str, cwd: Path) -> bool:
    """Whether something is rendered; in no case by Copier."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "bootstrap", *command],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(package.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "bootstrap.project.renders" in run.stderr
    assert "copier._main" not in run.stderr
    return "pathspec" in run.stderr  # with which `_exclude` is read


def test_an_update_from_kept_renders_is_the_same_byte_for_byte(
    package: Package, shop: Path, state: Path
) -> None:
    first, later = copy_of(shop, "first"), copy_of(shop, "later")
    assert renders_anew(package, "update", "--json", cwd=first)
    assert len(renders(state)) == 2
    assert not renders_anew(package, "update", "--json", cwd=later)
    assert tree(first) == tree(later)
    trees = [git("rev-parse", "HEAD^{tree}", cwd=each) for each in (first, later)]
    assert trees[0] == trees[1]
    git("fsck", "--strict", cwd=later)


def test_what_looks_shares_its_renders(package: Package, shop: Path, state: Path) -> None:
    package.headstart("status", cwd=shop)
    other = copy_of(shop, "another name")
    for command in ("status", "drift", "update --preview", "update --diff a.txt"):
        assert not renders_anew(package, *command.split(), cwd=other), command
    assert len(renders(state)) == 2


def test_other_answers_are_another_render(package: Package, shop: Path, state: Path) -> None:
    package.headstart("status", cwd=shop)
    told = package.told("update", "--data", "project_name=store", cwd=shop)
    assert "store.txt" in {each["path"] for each in told["files"]}
    assert len(renders(state)) == 3


def test_what_is_damaged_is_made_again(package: Package, shop: Path, state: Path) -> None:
    foretold = package.told("update", "--preview", cwd=shop)
    kept = renders(state)
    for name, content in kept.items():
        (state / "cache/renders" / name).write_bytes(content[:-100])
    assert package.told("update", "--preview", cwd=shop) == foretold
    healed = renders(state)
    assert all(len(healed[name]) == len(content) for name, content in kept.items())
    for name, content in healed.items():
        (state / "cache/renders" / name).write_bytes(content.replace(b"a.txt", b"b.txt"))
    assert package.told("update", "--preview", cwd=shop) == foretold
    (state / "cache/renders" / min(kept)).write_bytes(b"")
    (state / "cache/renders" / max(kept)).unlink()
    assert package.told("update", cwd=shop)["files"] == foretold["files"]


def test_two_at_once(package: Package, shop: Path, state: Path) -> None:
    command = [sys.executable, "-m", "bootstrap", "update", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(package.root)}
    both = [
        subprocess.Popen(
            command, cwd=copy_of(shop, name), env=environment, stdout=subprocess.DEVNULL
        )
        for name in ("one", "other")
    ]
    assert [each.wait() for each in both] == [0, 0]
    assert tree(shop.with_name("one")) == tree(shop.with_name("other"))
    assert len(renders(state)) == 2


def test_a_place_that_cannot_be_written(
    package: Package, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with disk(tmp_path / "disk", "size=1m") as small:
        monkeypatch.setenv("HEADSTART_STATE_DIR", str(small / "state"))
        foretold = package.told("update", "--preview", cwd=shop)
        for each in (small / "state/cache/renders").iterdir():
            each.unlink()
        with suppress(OSError):
            (small / "full").write_bytes(bytes(1 << 20))
        assert package.told("update", "--preview", cwd=shop) == foretold
        assert renders(small / "state") == {}
        remount(small, "ro")
        assert package.told("update", cwd=shop)["files"] == foretold["files"]


def test_only_so_many_are_kept(package: Package, shop: Path, state: Path) -> None:
    folder = state / "cache/renders"
    folder.mkdir(parents=True)
    for number in range(KEPT + 10):
        write(folder / f"old-{number}", "")
    package.headstart("status", cwd=shop)
    assert len(renders(state)) == KEPT
    assert sum(not name.startswith("old-") for name in renders(state)) == 2


def test_a_template_that_is_worked_on_is_rendered_each_time(
    package: Package, state: Path, tmp_path: Path
) -> None:
    package.template(ONE)
    run = package.headstart("new", "shop", "--defaults", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert package.told("status", cwd=tmp_path / "shop")["drifted"] == 0
    package.template({"a.txt": "another\n"})
    assert package.told("status", cwd=tmp_path / "shop")["drifted"] == 1
    assert not (state / "cache/renders").exists()


def test_a_repository_that_names_its_objects_otherwise(
    package: Package, shop: Path, state: Path
) -> None:
    package.headstart("status", cwd=shop)
    shutil.rmtree(shop / ".git")
    git("init", "--quiet", "--object-format=sha256", cwd=shop)
    commit(shop)
    assert package.told("update", cwd=shop)["counts"] == {
        "new": 1,
        "merged": 1,
        "updated": 1,
        "deleted": 1,
    }
    assert len(renders(state)) == 4
    assert (shop / "a.txt").read_text() == "1\ntwo\n3\n4\n5\n6\n7\nmine\n"
