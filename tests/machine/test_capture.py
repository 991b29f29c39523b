"""Pins are read from what is there, and a foreign repository is adopted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bootstrap import pyenv
from bootstrap.errors import Refused
from bootstrap.machine.capture import Captured, capture, write
from bootstrap.machine.pins import read
from tests.conftest import package_index
from tests.machine.conftest import LOCK, PYTHON, Shop


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository, on a machine with three Pythons."""
    for version in ("3.9.18", "3.11.7", "3.12.1"):
        python = tmp_path / "pyenv" / "versions" / version / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch(mode=0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("HEADSTART_STATE_DIR", str(tmp_path / "state"))
    root = tmp_path / "Their Shop"
    root.mkdir()
    return root


def captured(root: Path, **files: str) -> Captured:
    """The files are named by their names with `__` for a dot, `_` for a dash."""
    for name, text in files.items():
        (root / name.replace("__", ".").replace("_", "-")).write_text(text)
    return capture(root, None, {})


def make_venv(at: Path, version: str, pip: str) -> None:
    (at / "lib" / "python3" / "site-packages" / f"pip-{pip}.dist-info").mkdir(parents=True)
    (at / "pyvenv.cfg").write_text(f"version_info = {version}.final.0\n")


def test_the_working_environment_decides_and_what_contradicts_it_is_shown(foreign: Path) -> None:
    make_venv(foreign / ".venv", "3.9.18", "23.2.1")
    (foreign / "README.md").write_text("![](https://img.shields.io/badge/python-3.11-blue)\n")
    (foreign / "Dockerfile").write_text("FROM --platform=x docker.io/library/python:3.12.1-slim\n")
    found = captured(foreign, __python_version="3.11.7\n")
    assert (found.python, found.pip) == ("3.9.18", "23.2.1")
    told = "\n".join(found.contradictions)
    for each in (".python-version says 3.11.7", "Dockerfile says 3.12.1", "README.md says 3.11"):
        assert each in told


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('[project]\nrequires-python = ">=3.9,<3.12"\n', "3.11.7"),
        ('[tool.poetry.dependencies]\npython = "^3.9"\n', "3.12.1"),
        ('[tool.poetry.dependencies]\npython = "~3.11"\n', "3.11.7"),
        ('[tool.poetry.dependencies]\npython = "3.9.18"\n', "3.9.18"),
        ('[project]\nrequires-python = ">=3.14"\n', ""),
        ("not toml [", ""),
    ],
)
def test_a_constraint_is_met_by_the_newest_python_here(
    foreign: Path, written: str, expected: str
) -> None:
    (foreign / "pyproject.toml").write_text(written)
    found = capture(foreign, None, {})
    assert found.python == expected
    assert ("the exact Python" in "".join(found.unknown)) == (expected in {"3.11.7", "3.12.1"})


def test_a_shared_environment_keeps_its_place(foreign: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venvs" / "their-shop_3.11.7"
    make_venv(venv, "3.11.7", "24.0")
    found = capture(foreign, None, {"VIRTUAL_ENV": str(venv)})
    assert found.venv_root == str(tmp_path / "venvs")
    assert "layout: shared" in found.files["toolchain.yml"]


def test_two_requirement_files_become_one_list_of_both(foreign: Path) -> None:
    found = captured(
        foreign, __python_version="3.11.7", requirements__txt="a\n", requirements_dev__txt="b\n"
    )
    assert found.files["requirements-all.txt"] == "-r requirements.txt\n-r requirements-dev.txt\n"
    assert "no hashes" in "".join(found.unknown)
    write(foreign, found)
    assert read(foreign).lock.name == "requirements-all.txt"


def test_nothing_is_written_where_too_little_is_known(foreign: Path) -> None:
    with pytest.raises(Refused):
        write(foreign, capture(foreign, None, {}))
    assert list(foreign.iterdir()) == []


def test_a_toolchain_of_yours_is_not_replaced(foreign: Path) -> None:
    found = captured(foreign, __python_version="3.11.7", requirements__txt="a==1\n")
    (foreign / "toolchain.yml").write_text("mine\n")
    with pytest.raises(Refused):
        write(foreign, found)
    assert (foreign / "toolchain.yml").read_text() == "mine\n"


@pytest.mark.slow
def test_a_pip_repository_is_adopted(shop: Shop) -> None:
    for name in ("toolchain.yml", "requirements-dev.lock", ".env.example"):
        (shop.root / name).unlink()
    shutil.rmtree(shop.root / "migrate")
    locked = [line.split()[0] for line in LOCK.read_text().splitlines() if line[:1].isalpha()]
    (shop.root / "requirements.txt").write_text("\n".join([*locked, "pytest", ""]))
    (shop.root / "tests").mkdir()
    (shop.root / "tests" / "test_it.py").write_text("import pluggy\ndef test_it(): pass\n")
    done = shop.headstart("capture", "--write", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(json.loads(done.stdout)["written"]) == {"toolchain.yml"}
    shop.up()
    tests = [str(shop.root / ".venv/bin/python"), "-m", "pytest", "-q", "tests"]
    subprocess.run(tests, cwd=shop.root, check=True)
    assert json.loads(shop.headstart("up", "--json").stdout)["outcome"] == "nothing-to-do"
    assert json.loads(shop.headstart("capture", "--json").stdout)["unknown"] != []


@pytest.mark.slow
@pytest.mark.xdist_group("poetry")
def test_a_poetry_repository_is_adopted(shop: Shop, poetry: Path) -> None:
    for name in ("toolchain.yml", "requirements-dev.lock", ".env.example", ".python-version"):
        (shop.root / name).unlink()
    shutil.rmtree(shop.root / "migrate")
    (shop.root / "shop").mkdir()
    (shop.root / "shop" / "__init__.py").write_text("import pluggy\n")
    (shop.root / "README.md").write_text("")
    (shop.root / "pyproject.toml").write_text(
        '[tool.poetry]\nname = "shop"\nversion = "1"\ndescription = ""\nauthors = []\n'
        f'[tool.poetry.dependencies]\npython = "~{PYTHON.rpartition(".")[0]}"\npluggy = "*"\n'
        f'[[tool.poetry.source]]\nname = "simple"\nurl = "{package_index()}"\n'
    )
    off = os.environ | {"POETRY_VIRTUALENVS_CREATE": "false"}
    subprocess.run([poetry, "lock", "--no-interaction"], cwd=shop.root, env=off, check=True)
    path = os.pathsep.join((str(poetry.parent), os.environ["PATH"]))
    done = shop.headstart("capture", "--write", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["installer"] == "poetry"
    here = pyenv.final_versions(pyenv.root(os.environ))
    assert (shop.root / ".python-version").read_text().strip() in here
    done = shop.headstart("up", PATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    own = [str(shop.root / ".venv/bin/python"), "-c", "import shop"]
    subprocess.run(own, cwd="/", check=True)
