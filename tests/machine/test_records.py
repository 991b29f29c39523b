"""Is every file what was installed, here and for this project? doctor, check and its stub."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootstrap import pyenv
from bootstrap.machine import pins
from bootstrap.machine.check import STUB
from bootstrap.machine.facts import records, venv
from tests.machine.conftest import PYTHON, Shop, other_python

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow


def site_of(shop: Shop) -> Path:
    return pins.read(shop.root).site_packages


def folder_of(shop: Shop, name: str) -> Path:
    (found,) = site_of(shop).glob(f"{name}-*.dist-info")
    return found


def append(path: Path) -> None:
    path.write_text(f"{path.read_text()}# mine\n")


def stub(shop: Shop) -> int:
    return subprocess.run([shop.root / ".venv/bin" / STUB], check=False).returncode


def checked(shop: Shop) -> str:
    """What `check` says; the stub says yes where and only where it does."""
    done = shop.headstart("check")
    assert (stub(shop) == 0) == (done.returncode == 0)
    return done.stdout


DAMAGES: dict[str, tuple[Callable[[Shop], object], str]] = {
    "deleted": (lambda shop: (site_of(shop) / "pluggy/_hooks.py").unlink(), "_hooks.py is missing"),
    "edited": (lambda shop: append(site_of(shop) / "pluggy/_hooks.py"), "_hooks.py was changed"),
    "its folder": (
        lambda shop: shutil.rmtree(site_of(shop) / "pluggy"),
        "pluggy 1.6.0: __init__.py is missing and",
    ),
    "pip": (lambda shop: append(site_of(shop) / "pip/__init__.py"), "__init__.py was changed"),
    "a script": (lambda shop: (shop.root / ".venv/bin/pip").unlink(), "pip is missing"),
    "a shebang": (
        lambda shop: (shop.root / ".venv/bin/pip").write_text("#!/usr/bin/python3\n"),
        "pip runs another Python",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_not_as_installed_is_found_and_made_whole(ready: Shop, damage: str) -> None:
    do, told = DAMAGES[damage]
    assert "exactly as pinned" in checked(ready)
    folders = {path.name: path.stat().st_ino for path in site_of(ready).glob("*.dist-info")}
    do(ready)
    assert stub(ready) != 0
    assert told.replace("1.6.0", folders_version(folders, "pluggy")) in checked(ready)
    found = [each for each in ready.findings() if told.split(":")[-1].strip() in each["problem"]]
    assert {each["repair"] for each in found} == {"headstart doctor --fix"}
    fixed = ready.headstart("doctor", "--fix")
    assert fixed.returncode == 0, fixed.stdout + fixed.stderr
    assert ready.findings() == []
    now = {path.name: path.stat().st_ino for path in site_of(ready).glob("*.dist-info")}
    again = {name.partition("-")[0] for name in now if now[name] != folders.get(name)}
    assert again == {"pip" if damage in {"pip", "a script", "a shebang"} else "pluggy"}


def folders_version(folders: dict[str, int], name: str) -> str:
    (found,) = (each for each in folders if each.startswith(f"{name}-"))
    return found.removeprefix(f"{name}-").removesuffix(".dist-info")


def test_compiled_files_come_and_go(ready: Shop) -> None:
    assert "exactly as pinned" in checked(ready)
    for cache in site_of(ready).rglob("__pycache__"):
        shutil.rmtree(cache)
    subprocess.run([ready.root / ".venv/bin/python", "-c", "import pluggy"], check=True)
    assert stub(ready) == 0
    assert ready.findings() == []


def test_nothing_is_read_twice(ready: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was right is known by what `stat` says of it."""
    pinned = pins.read(ready.root)
    records.altered(pinned)
    read: list[Path] = []
    whole = records._how

    def seen(file: records.RecordedFile, pinned: pins.Pins) -> str:
        read.append(file.path)
        return whole(file, pinned)

    monkeypatch.setattr(records, "_how", seen)
    assert records.altered(pinned) == ()
    assert read == []
    append(site_of(ready) / "pluggy/_hooks.py")
    (altered,) = records.altered(pinned)
    assert {path.name: how for path, how in altered.files.items()} == {"_hooks.py": "was changed"}
    assert {path.parent.name for path in read} <= {
        "pluggy",
        altered_folder(site_of(ready)),
        "licenses",
    }


def altered_folder(site: Path) -> str:
    return next(path.name for path in site.glob("pluggy-*.dist-info"))


def test_what_is_there_besides_is_told_and_strictly_removed(ready: Shop) -> None:
    site = site_of(ready)
    extra = site / "extra-1.0.dist-info"
    extra.mkdir()
    (site / "extra.py").write_text("")
    (extra / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    (extra / "INSTALLER").write_text("pip\n")
    names = ("METADATA", "INSTALLER", "RECORD")
    lines = ["extra.py,,", *(f"extra-1.0.dist-info/{name},," for name in names)]
    (extra / "RECORD").write_text("\n".join(lines))
    (site / "stray.pth").write_text("import os\n")
    (site / "sitecustomize.py").write_text("print(66)\n")
    (site / "usercustomize").mkdir()
    (site / "usercustomize/__init__.py").write_text("")
    (site / "_virtualenv.pth").write_text("import os\n")
    (site / "flask").mkdir()
    (site / "flask/__init__.py").write_text("")
    told = {each["problem"]: each["level"] for each in ready.findings()}
    assert set(told.values()) == {"notice"}
    assert "extra is installed, and not asked for" in told
    assert len([each for each in told if "runs with every Python there" in each]) == 4
    assert len([each for each in told if "belongs to no package" in each]) == 5
    assert "exactly as pinned" in checked(ready)
    ready.headstart("doctor", "--fix")
    assert extra.is_dir()
    (site / "sitecustomize.py").write_text("raise SystemExit(3)\n")
    (pip,) = (each for each in ready.findings() if each["step"] == "pip")
    assert pip["repair"] == "headstart doctor --fix --strict"
    strict = ready.headstart("doctor", "--fix", "--strict")
    assert strict.returncode == 0, strict.stdout + strict.stderr
    gone = ("stray.pth", "sitecustomize.py", "usercustomize", "flask", "_virtualenv.pth")
    assert not any(path.exists() for path in (extra, *(site / name for name in gone)))
    assert ready.findings() == []


def test_a_venv_that_also_sees_other_packages_is_closed(ready: Shop) -> None:
    assert "exactly as pinned" in checked(ready)
    ready.edit(".venv/pyvenv.cfg", f"{venv.SYSTEM_SITE} = false", f"{venv.SYSTEM_SITE} = true")
    before = (ready.root / ".venv/bin/python").lstat().st_ino
    assert "also sees the packages of the Python under it" in checked(ready)
    assert ready.up()[-1]["steps"] == ["venv"]
    assert f"{venv.SYSTEM_SITE} = false" in (ready.root / ".venv/pyvenv.cfg").read_text()
    assert (ready.root / ".venv/bin/python").lstat().st_ino == before
    assert ready.findings() == []


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_a_project_that_was_moved_or_copied_gets_an_environment_of_its_own(
    ready: Shop, how: str
) -> None:
    assert "exactly as pinned" in checked(ready)
    former = ready.root
    there = former.with_name("elsewhere")
    if how == "copied":
        shutil.copytree(former, there, symlinks=True)
    else:
        former.rename(there)
    moved = Shop(there, ready.state)
    assert stub(moved) != 0
    assert f".venv was made in {former / '.venv'}" in checked(moved)
    fixed = moved.headstart("doctor", "--fix")
    assert fixed.returncode == 0, fixed.stdout + fixed.stderr
    for name in ("pip", "pip3"):
        assert (there / ".venv/bin" / name).read_text().startswith("#!")
        told = subprocess.check_output([there / ".venv/bin" / name, "--version"], text=True)
        assert str(there) in told
    assert "exactly as pinned" in checked(moved)
    if how == "copied":
        assert "exactly as pinned" in checked(ready)


def test_a_project_that_is_reached_by_a_link_was_not_moved(ready: Shop, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(ready.root)
    assert Shop(tmp_path / "link", ready.state).findings() == []


@pytest.mark.parametrize("maker", ["venv", "uv"])
def test_other_makers_of_environments_are_known_to_have_moved_too(
    tmp_path: Path, maker: str
) -> None:
    made = tmp_path / "it's made"
    uv = str(Path(sys.executable).with_name("uv"))
    make = (
        [sys.executable, "-m", "venv", "--without-pip"] if maker == "venv" else [uv, "venv", "-q"]
    )
    subprocess.run([*make, made], check=True)
    assert venv._other_place(made) is None
    made.rename(tmp_path / "moved")
    assert venv._other_place(tmp_path / "moved") == made


def test_two_projects_of_one_name_do_not_share_an_environment(shop: Shop, tmp_path: Path) -> None:
    root = tmp_path / "venvs"
    shop.edit("toolchain.yml", "layout: in-project", f"layout: shared\n  root: {root}")
    other = Shop(tmp_path / "other" / "shop", shop.state)
    shutil.copytree(shop.root, other.root)
    shop.up()
    (place,) = root.iterdir()
    assert shop.headstart("check").returncode == 0
    called = [other.root, shop.root / "migrate", tmp_path]
    stub = place / "bin" / STUB
    assert [subprocess.run([stub], cwd=at, check=False).returncode for at in called] == [1, 0, 0]
    assert (place / venv.OWNER).read_text().strip() == str(shop.root)
    refused = other.headstart("up")
    assert refused.returncode == 4
    assert f"It was made for {shop.root}" in refused.stderr
    assert f"rm -r {place}" in refused.stderr
    for command in ("check", "doctor"):
        told = other.headstart(command)
        assert told.returncode == 1
        assert "the environment of another project" in told.stdout
        assert "venv.root in toolchain.yml" in told.stdout
        assert "headstart up" not in told.stdout
    assert other.headstart("plan").returncode == 4
    assert other.headstart("undo", "--yes").returncode == 64
    assert shop.findings() == []
    moved = Shop(tmp_path / "moved", shop.state)
    shop.root.rename(moved.root)
    assert f"it is for {shop.root}, which is gone" in moved.headstart("check").stdout
    assert [each["name"] for each in json.loads(moved.headstart("plan", "--json").stdout)["steps"]][
        :1
    ] == ["venv"]
    assert "venv" in str(moved.up()[-1]["steps"])
    assert other.headstart("up").returncode == 4
    shutil.rmtree(moved.root)  # nobody's any more: the next one may have it
    other.up()


def test_packages_without_metadata_of_their_own_are_found_and_made_whole(ready: Shop) -> None:
    site = site_of(ready)
    (ready.root / ".venv/bin/pip").chmod(0o644)
    (folder_of(ready, "iniconfig") / "RECORD").unlink()
    (site / "iniconfig/__init__.py").write_text("raise SystemExit(3)\n")
    pluggy = folder_of(ready, "pluggy")
    (pluggy / "RECORD").write_text("")
    told = str(ready.findings())
    for problem in ("pip cannot be executed", "RECORD is missing", "RECORD is empty, or of"):
        assert problem in told
    fixed = ready.headstart("doctor", "--fix")
    assert fixed.returncode == 0, fixed.stdout + fixed.stderr
    assert "exactly as pinned" in checked(ready)
    pluggy.rename(site / "pluggy-1.0.dist-info")
    assert "pluggy 1.0 instead of" in checked(ready)
    ready.up()
    shutil.copytree(pluggy, site / "pluggy-1.0.dist-info")
    assert "pluggy 1.0: RECORD is empty, or of another package" in checked(ready)
    fixed = ready.headstart("doctor", "--fix")
    assert fixed.returncode == 0, fixed.stdout + fixed.stderr
    assert ready.findings() == []


def test_a_venv_that_has_lost_a_program_or_its_python_is_made_anew(ready: Shop) -> None:
    """`check`, `plan` and `up` say the same of it."""
    assert "exactly as pinned" in checked(ready)
    programs = ready.root / ".venv/bin"
    (programs / "python3").unlink()
    (programs / "python3").symlink_to("/bin/sh")
    assert ".venv has lost bin/python3, or it leads elsewhere" in checked(ready)
    (programs / "python3").unlink()
    (programs / "python3").symlink_to("python")
    (programs / "activate.fish").unlink()
    assert ".venv has lost bin/activate.fish" in checked(ready)
    other = other_python()
    (programs / "python").unlink()
    (programs / "python").symlink_to(pyenv.root(os.environ) / "versions" / other / "bin/python")
    told = f".venv has Python {other}, not {PYTHON}"
    assert told in checked(ready)
    assert told in ready.headstart("plan").stdout
    ready.up()
    assert ready.findings() == []
