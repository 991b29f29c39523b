"""As pinned only where what the project asks for is there: by the report of the tool it is for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.conftest import nightly_but
from tests.machine.conftest import PIP, PYTHON, Shop

pytestmark = pytest.mark.slow

TOOLCHAIN = f"""\
version: 1
project: shop
pip: {PIP}
venv: {{layout: in-project}}
packages: {{installer: pip, lock: requirements.txt, hashes: none}}
"""
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture
def loose(shop: Shop) -> Shop:
    """A project with nothing but a list that has one range."""
    for each in sorted(shop.root.iterdir()):
        if each.name != ".python-version":
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    (shop.root / "toolchain.yml").write_text(TOOLCHAIN)
    (shop.root / "requirements.txt").write_text("pluggy>=1\n")
    return shop


def code(shop: Shop) -> int:
    return shop.headstart("check").returncode


def versions(shop: Shop) -> dict[str, str]:
    pip = [str(shop.root / ".venv/bin/python"), "-m", "pip", "list", "--format", "json"]
    listed = subprocess.run(pip, capture_output=True, check=True).stdout
    return {each["name"]: each["version"] for each in json.loads(listed)}


def test_a_range_is_installed_and_only_then_as_pinned(loose: Shop) -> None:
    assert code(loose) == 1
    loose.up()
    assert "pluggy" in versions(loose)
    assert code(loose) == 0
    assert json.loads(loose.headstart("up", "--json").stdout)["outcome"] == "nothing-to-do"


def test_what_is_not_known_in_milliseconds_is_unknown_until_doctor_has_asked(loose: Shop) -> None:
    loose.up()
    (loose.root / "requirements.txt").write_text("pluggy>=1.0\n")
    told = loose.headstart("check")
    assert told.returncode == 5
    assert "requirements.txt, or what belongs to it, has changed" in told.stdout
    assert "unknown: run headstart doctor" in told.stdout
    document = json.loads(loose.headstart("check", "--json").stdout)
    assert document["healthy"] is None
    assert loose.findings() == []
    assert code(loose) == 0
    (loose.root / "requirements.txt").write_text("pluggy>=1.0\niniconfig<3\n")
    assert code(loose) == 5
    (found,) = loose.findings()
    assert "pip would still install 1: iniconfig" in found["problem"]
    assert code(loose) == 5
    loose.up()
    assert code(loose) == 0


def test_an_exact_line_becomes_a_range_and_back(loose: Shop) -> None:
    """With 0.4.0 it was uninstalled, and the step failed for ever."""
    for line, expected in (
        ("pluggy==1.5.0", "1.5.0"),
        ("pluggy~=1.4.0", "1.4.0"),
        ("pluggy==1.5.0", "1.5.0"),
        ("pluggy!=1.5.0,<1.6", "1.4.0"),
    ):
        (loose.root / "requirements.txt").write_text(f"{line}\n")
        loose.up()
        assert versions(loose)["pluggy"] == expected
        loose.up()
        assert code(loose) == 0


def test_one_range_among_exact_lines_is_installed_too(loose: Shop) -> None:
    (loose.root / "requirements.txt").write_text("pluggy==1.5.0\niniconfig\n")
    loose.up()
    assert {"pluggy", "iniconfig"} <= versions(loose).keys()
    assert code(loose) == 0
    (loose.root / "requirements.txt").write_text("pluggy==1.4.0\niniconfig\n")
    assert code(loose) == 1


@pytest.mark.parametrize(
    "name", nightly_but("base.txt", of=("base.txt", "limits.txt", "own/pyproject.toml"))
)
def test_a_change_in_what_a_list_refers_to_is_noticed(loose: Shop, name: str) -> None:
    files = {
        "requirements.txt": "-r base.txt\n-c limits.txt\n-e ./own\n",
        "base.txt": "iniconfig\n",
        "limits.txt": "iniconfig<3\npluggy==1.5.0\ncolorama==0.1\n",
        "own/pyproject.toml": '[project]\nname = "own"\nversion = "1"\ndependencies = ["pluggy"]\n'
        "[tool.setuptools]\npackages = []\n",
    }
    for each, text in files.items():
        (loose.root / each).parent.mkdir(exist_ok=True)
        (loose.root / each).write_text(text)
    loose.up()
    there = versions(loose)
    assert (there["pluggy"], "own" in there, "colorama" in there) == ("1.5.0", True, False)
    assert code(loose) == 0
    assert loose.findings() == []
    path = loose.root / name
    path.write_text(path.read_text().replace('["pluggy"]', '["pluggy", "iniconfig"]') + "\n#\n")
    # In a pyproject.toml only the tables count that say what is installed.
    assert code(loose) == 5


def test_a_marker_that_does_not_hold_asks_for_nothing(loose: Shop) -> None:
    lines = (
        "pluggy",
        "colorama==0.4.6; sys_platform == 'win32'",
        f"iniconfig; python_full_version > '{PYTHON}'",
    )
    (loose.root / "requirements.txt").write_text("\n".join(lines))
    loose.up()
    assert versions(loose).keys() == {"pip", "pluggy"}
    assert code(loose) == 0


def test_an_extra_brings_what_it_stands_for(loose: Shop) -> None:
    (loose.root / "requirements.txt").write_text("-e .[more]\n")
    (loose.root / "setup.cfg").write_text(
        "[metadata]\nname = shop\nversion = 1\n[options]\npy_modules =\n"
        "[options.extras_require]\nmore = pluggy\n"
    )
    (loose.root / "setup.py").write_text("import setuptools\nsetuptools.setup()\n")
    loose.up()
    assert {"shop", "pluggy"} <= versions(loose).keys()
    assert loose.findings() == []
    uninstall = [str(loose.root / ".venv/bin/python"), "-m", "pip", "uninstall", "-y", "pluggy"]
    subprocess.run(uninstall, check=True, capture_output=True)
    assert code(loose) == 5
    assert "pluggy" in loose.findings()[0]["problem"]


def test_an_address_is_installed_and_judged(loose: Shop, tmp_path: Path) -> None:
    wheel = tmp_path / "basket-1.0-py3-none-any.whl"
    pack(wheel, "basket", "1.0")
    (loose.root / "requirements.txt").write_text(f"basket @ {wheel.as_uri()}\n")
    loose.up()
    assert versions(loose)["basket"] == "1.0"
    assert code(loose) == 0
    assert loose.findings() == []


def pack(wheel: Path, name: str, version: str) -> None:
    folder = f"{name}-{version}.dist-info"
    with ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(
            f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        archive.writestr(f"{folder}/WHEEL", WHEEL)
        archive.writestr(f"{folder}/RECORD", "")


def test_a_package_that_was_taken_away_is_missed(loose: Shop) -> None:
    loose.up()
    shutil.rmtree(next(loose.root.glob(".venv/lib/*/site-packages/pluggy-*.dist-info")))
    assert code(loose) == 5
    assert "pluggy" in loose.findings()[0]["problem"]
    loose.up()
    assert code(loose) == 0


def test_a_list_with_hashes_may_name_an_address(loose: Shop, tmp_path: Path) -> None:
    """What no comparison of versions sees: pip itself says whether it is there."""
    wheel = tmp_path / "basket-1.0-py3-none-any.whl"
    pack(wheel, "basket", "1.0")
    digest = sha256(wheel.read_bytes()).hexdigest()
    lock = f"basket @ {wheel.as_uri()} --hash=sha256:{digest}\n"
    (loose.root / "requirements.txt").write_text(lock)
    loose.edit("toolchain.yml", ", hashes: none", "")
    loose.up()
    assert versions(loose)["basket"] == "1.0"
    assert code(loose) == 0


def test_an_old_pip_without_a_report_is_helped_by_a_new_one(loose: Shop) -> None:
    loose.edit("toolchain.yml", PIP, "22.1.2")
    loose.up()
    assert versions(loose)["pip"] == "22.1.2"
    assert loose.findings() == []


def test_uv_reads_the_same_list(loose: Shop) -> None:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    loose.edit("toolchain.yml", "installer: pip", "installer: uv")
    assert loose.headstart("up", PATH=path).returncode == 0
    assert "pluggy" in versions(loose)
    (loose.root / "requirements.txt").write_text("pluggy\niniconfig\n")
    assert loose.headstart("check", PATH=path).returncode == 5
    told = loose.headstart("doctor", "--json", PATH=path)
    assert "uv would still change iniconfig" in told.stdout
    assert loose.headstart("up", PATH=path).returncode == 0
    assert loose.headstart("check", PATH=path).returncode == 0


def test_a_lock_of_capture_must_have_what_its_sources_ask_for(loose: Shop) -> None:
    (loose.root / "toolchain.yml").unlink()
    done = loose.headstart("capture", "--write", "--json")
    assert json.loads(done.stdout)["written"] == ["requirements.lock", "toolchain.yml"]
    loose.up()
    assert code(loose) == 0
    (loose.root / "requirements.txt").write_text("pluggy>=1\niniconfig\n")
    before = versions(loose)
    told = "requirements.lock lacks what requirements.txt asks for: iniconfig"
    for command, number in {"check": 1, "up": 4, "plan": 4, "doctor": 1}.items():
        done = loose.headstart(command)
        assert done.returncode == number
        assert told in done.stdout + done.stderr
        assert "headstart capture --relock && headstart up" in done.stdout + done.stderr
    assert versions(loose) == before
    again = loose.headstart("capture", "--relock")
    assert again.returncode == 0, again.stderr
    loose.up()
    assert versions(loose) == before | {"iniconfig": versions(loose)["iniconfig"]}
    assert code(loose) == 0


def test_a_project_that_needs_more_than_its_lock_has_is_not_as_pinned(loose: Shop) -> None:
    for name in ("toolchain.yml", "requirements.txt"):
        (loose.root / name).unlink()
    project = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["pluggy"{}]\n'
    build = "[build-system]\nrequires = ['setuptools']\n[tool.setuptools]\npackages = []\n"
    (loose.root / "pyproject.toml").write_text(project.format("") + build)
    assert loose.headstart("capture", "--write").returncode == 0
    done = loose.headstart("up")
    assert "the project itself, and 1 as in requirements.lock" in done.stderr
    assert {"shop", "pluggy"} <= versions(loose).keys()
    assert code(loose) == 0
    uninstall = [str(loose.root / ".venv/bin/python"), "-m", "pip", "uninstall", "-qy", "shop"]
    subprocess.run(uninstall, check=True)
    for command in ("check", "plan"):
        assert "the project itself is not installed from here" in loose.headstart(command).stdout
    loose.up()
    assert code(loose) == 0
    (loose.root / "pyproject.toml").write_text(project.format(', "iniconfig"') + build)
    assert code(loose) == 1
    failed = loose.headstart("up")
    assert failed.returncode == 4, failed.stdout + failed.stderr
    assert "requirements.lock lacks what pyproject.toml asks for: iniconfig" in failed.stderr
    assert loose.headstart("capture", "--relock").returncode == 0
    loose.up()
    assert code(loose) == 0


def test_what_only_pip_finds_to_be_missing_stays_known_after_up_has_failed(loose: Shop) -> None:
    """And a list that an environment.yml refers to counts as what stands in it."""
    for name in ("toolchain.yml", "requirements.txt"):
        (loose.root / name).unlink()
    listed = f"dependencies: [python={PYTHON}, pip, {{pip: [-r more/extra.txt, iniconfig]}}]\n"
    (loose.root / "environment.yml").write_text(listed)
    (loose.root / "more").mkdir()
    (loose.root / "more" / "extra.txt").write_text("markdown-it-py\n")
    done = loose.headstart("capture", "--write")
    assert done.returncode == 0, done.stdout + done.stderr
    loose.up()
    assert {"markdown-it-py", "iniconfig"} <= versions(loose).keys()
    assert code(loose) == 0
    (loose.root / "more" / "extra.txt").write_text("markdown-it-py[linkify]\n")
    assert code(loose) == 5
    failed = loose.headstart("up")
    assert "lacks what environment.yml asks for: pip would still install" in failed.stderr
    told = loose.headstart("check")
    assert told.returncode == 1
    assert "lacks what environment.yml asks for: pip would still install" in told.stdout
    (found,) = loose.findings()
    assert found["repair"] == "headstart capture --relock && headstart up"
    assert loose.headstart("capture", "--relock").returncode == 0
    loose.up()
    assert code(loose) == 0


def test_a_capture_that_fails_leaves_the_repository_as_it_was(loose: Shop) -> None:
    """setuptools leaves a folder beside a package whose metadata it is asked for."""
    for name in ("toolchain.yml", "requirements.txt"):
        (loose.root / name).unlink()
    setup = (
        "import setuptools\nsetuptools.setup(name='thing', py_modules=[], install_requires={})\n"
    )
    (loose.root / "setup.py").write_text(setup.format(["pluggy<0.0.0.dev0"]))
    failed = loose.headstart("capture", "--write")
    assert failed.returncode == 1
    assert "could not make the lock" in failed.stderr
    assert {at.name for at in loose.root.iterdir()} == {".python-version", "setup.py"}


def test_a_venv_without_any_file_becomes_a_lock(loose: Shop) -> None:
    loose.up()
    before = versions(loose)
    for name in ("toolchain.yml", "requirements.txt", ".python-version"):
        (loose.root / name).unlink()
    done = loose.headstart("capture", "--write")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "--hash=" in (loose.root / "requirements.lock").read_text()
    shutil.rmtree(loose.root / ".venv")
    loose.up()
    assert versions(loose) == before


def test_a_pyproject_that_is_not_built_is_asked_itself(loose: Shop) -> None:
    for name in ("toolchain.yml", "requirements.txt"):
        (loose.root / name).unlink()
    project = (
        '[project]\nname = "shop"\nversion = "1"\ndependencies = []\n'
        '[dependency-groups]\nbase = ["pluggy"]\ndev = [{include-group = "base"}]\n'
        '[tool.pdm.dev-dependencies]\ntest = ["toolz"]\n'
    )
    (loose.root / "pyproject.toml").write_text(project)
    assert loose.headstart("capture", "--write").returncode == 0
    pinned = (loose.root / "toolchain.yml").read_text()
    assert "  groups: [dev, test]\n  sources: [pyproject.toml]\n" in pinned
    loose.up()
    assert versions(loose).keys() == {"pip", "pluggy", "toolz"}
    assert code(loose) == 0
    (loose.root / "pyproject.toml").write_text(project.replace("= []", '= ["iniconfig"]'))
    assert code(loose) == 1
    assert "iniconfig" in loose.findings()[0]["problem"]
    assert loose.headstart("capture", "--relock").returncode == 0
    loose.up()
    assert versions(loose).keys() == {"pip", "pluggy", "toolz", "iniconfig"}
    assert loose.findings() == []
