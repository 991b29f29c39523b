"""pip, uv and Poetry, and pyenv, uv and the system: whoever does it, the result is the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bootstrap import pyenv
from bootstrap.machine.check import STUB
from bootstrap.machine.installers import tools
from tests.conftest import package_index
from tests.machine.conftest import PYTHON, Shop, newest, other_python

pytestmark = pytest.mark.slow

PYPROJECT = """\
[project]
name = "shop"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["iniconfig", "pluggy"]

[tool.poetry]
package-mode = false

[[tool.poetry.source]]
name = "simple"
url = "{index}"
priority = "primary"
"""


def contents(shop: Shop) -> dict[str, str]:
    """What the environment holds, asked of its own pip."""
    pip = [str(shop.root / ".venv/bin/python"), "-m", "pip", "list", "--format", "json"]
    listed = json.loads(subprocess.run(pip, capture_output=True, check=True).stdout)
    return {each["name"]: each["version"] for each in listed}


def path_with(*folders: Path) -> str:
    return os.pathsep.join((*map(str, folders), os.environ["PATH"]))


def test_uv_brings_what_pip_brings(shop: Shop) -> None:
    shop.up()
    by_pip = contents(shop)
    shutil.rmtree(shop.root / ".venv")
    shop.edit("toolchain.yml", "installer: pip", "installer: uv")
    done = shop.headstart("up", PATH=path_with(Path(sys.executable).parent))
    assert done.returncode == 0, done.stderr
    assert contents(shop) == by_pip
    assert shop.findings() == []


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_what_does_not_fit_together_is_noticed(shop: Shop, installer: str) -> None:
    shop.edit("toolchain.yml", "installer: pip", f"installer: {installer}")
    path = path_with(Path(sys.executable).parent)
    assert shop.headstart("up", PATH=path).returncode == 0
    (site,) = shop.root.glob(".venv/lib/*/site-packages")
    folder = site / "shopping-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: shopping\nVersion: 1.0\nRequires-Dist: basket>=2\n"
    )
    wheel = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = ("INSTALLER", "METADATA", "RECORD", "WHEEL")
    record = "".join(f"{folder.name}/{name},,\n" for name in files)
    for name, text in {"INSTALLER": "pip\n", "RECORD": record, "WHEEL": wheel}.items():
        (folder / name).write_text(text)
    told = shop.headstart("doctor", "--json", PATH=path)
    found = json.loads(told.stdout)["findings"]
    assert {(each["step"], each["level"]) for each in found} == {("packages", "notice")}
    besides, unfit = sorted((each["problem"] for each in found), key=lambda text: "basket" in text)
    assert besides == "shopping is installed, and not asked for"
    assert "shopping" in unfit
    assert "basket" in unfit


def test_an_installer_that_is_not_here_is_named(shop: Shop, tmp_path: Path) -> None:
    shop.edit("toolchain.yml", "installer: pip", "installer: poetry")
    shop.edit("toolchain.yml", "lock: requirements-dev.lock", "lock: poetry.lock")
    (shop.root / "poetry.lock").touch()
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("sh", "uname"):
        (bare / name).symlink_to(str(shutil.which(name)))
    refused = shop.headstart("up", PATH=str(bare))
    assert refused.returncode == 4
    assert "pipx install poetry" in refused.stderr
    # Before anything is made.
    assert not (shop.root / ".venv").exists()
    planned = shop.headstart("plan", PATH=str(bare)).stdout
    assert "1. Build tools: poetry, which installs the packages, is not on PATH" in planned


@pytest.mark.xdist_group("poetry")
def test_pip_brings_what_poetry_brings(shop: Shop, poetry: Path) -> None:
    (shop.root / "pyproject.toml").write_text(PYPROJECT.format(index=package_index()))
    off = os.environ | {"POETRY_VIRTUALENVS_CREATE": "false"}
    subprocess.run([poetry, "lock", "--no-interaction"], cwd=shop.root, env=off, check=True)
    shop.edit("toolchain.yml", "installer: pip", "installer: poetry")
    shop.edit("toolchain.yml", "lock: requirements-dev.lock", "lock: poetry.lock")
    done = shop.headstart("up", PATH=path_with(poetry.parent))
    assert done.returncode == 0, done.stdout + done.stderr
    by_poetry = contents(shop)
    assert by_poetry.keys() == {"pip", "iniconfig", "pluggy"}
    assert by_poetry["pip"] == "26.3"
    told = shop.headstart("doctor", PATH=path_with(poetry.parent))
    assert told.returncode == 0, told.stdout
    # Only Poetry can tell, and is not here; nor does anybody know what it has told.
    (shop.root / ".venv/bin" / STUB).unlink()
    assert "it is not on PATH" in shop.findings()[0]["problem"]
    shutil.rmtree(shop.root / ".venv")
    shop.edit("toolchain.yml", "installer: poetry", "installer: pip")
    shop.edit("toolchain.yml", "lock: poetry.lock", "lock: requirements-dev.lock")
    (shop.root / "requirements-dev.lock").write_text(hashed(shop.root / "poetry.lock"))
    shop.up()
    assert contents(shop) == by_poetry


def hashed(lock: Path) -> str:
    """The same packages with the same hashes, as pip reads them."""
    packages = tomllib.loads(lock.read_text())["package"]
    lines = []
    for each in packages:
        hashes = " ".join(f"--hash={file['hash']}" for file in each["files"])
        lines.append(f"{each['name']}=={each['version']} {hashes}")
    return "\n".join(lines)


def test_the_python_of_the_system_is_taken_when_it_is_the_exact_one(
    shop: Shop, tmp_path: Path
) -> None:
    version = other_python()
    real = pyenv.root(os.environ) / "versions" / version / "bin"
    shop.edit("toolchain.yml", "venv:", "python:\n  provider: system\nvenv:")
    (shop.root / ".python-version").write_text(f"{version}\n")
    empty = str(tmp_path / "no-pyenv")
    refused = shop.headstart("up", PYENV_ROOT=empty, PATH="/usr/bin:/bin")
    assert refused.returncode == 4
    assert "so that PATH finds it" in refused.stderr
    done = shop.headstart("up", PYENV_ROOT=empty, PATH=path_with(real))
    assert done.returncode == 0, done.stderr
    assert contents(shop).keys() == {"pip", "iniconfig", "pluggy"}


def test_the_python_of_uv_is_fetched_by_uv(shop: Shop, tmp_path: Path) -> None:
    """uv itself would download it: this one links what pyenv has, at the place uv uses."""
    version = other_python()
    real = pyenv.root(os.environ) / "versions" / version
    shims = tmp_path / "bin"
    shims.mkdir()
    managed = tmp_path / "uv" / f"cpython-{version}-linux-x86_64-gnu"
    (shims / "uv").write_text(
        f'#!/bin/sh\n[ "$*" = "python install {version}" ] || exit 2\n'
        f'mkdir -p "{managed.parent}" && ln -s "{real}" "{managed}"\n'
    )
    (shims / "uv").chmod(0o755)
    shop.edit("toolchain.yml", "venv:", "python:\n  provider: uv\nvenv:")
    (shop.root / ".python-version").write_text(f"{version}\n")
    done = shop.headstart("up", PATH=path_with(shims), UV_PYTHON_INSTALL_DIR=str(managed.parent))
    assert done.returncode == 0, done.stderr
    assert contents(shop).keys() == {"pip", "iniconfig", "pluggy"}


@pytest.mark.parametrize(
    ("minor", "pip"),
    [("3.8", "23.2.1"), ("3.9", "23.2.1"), ("3.10", "24.0"), ("3.12", "23.1.2"), ("3.13", "25.0")],
)
def test_every_python_gets_its_exact_pip(shop: Shop, minor: str, pip: str) -> None:
    version = newest(minor)
    (shop.root / ".python-version").write_text(f"{version}\n")
    shop.edit("toolchain.yml", '"26.3"', f'"{pip}"')
    assert version != PYTHON
    shop.up("--only", "venv")
    done = shop.headstart("up", "--only", "pip")
    assert done.returncode == 0, done.stderr
    assert contents(shop)["pip"] == pip


def test_a_python_that_virtualenv_has_dropped_gets_its_pip_back(shop: Shop) -> None:
    (shop.root / ".python-version").write_text(f"{newest('3.8')}\n")
    shop.edit("toolchain.yml", '"26.3"', '"24.0"')
    shop.up("--only", "venv")
    for path in shop.root.glob(".venv/lib/*/site-packages/pip"):
        shutil.rmtree(path)
    shop.up("--only", "pip")
    assert contents(shop)["pip"] == "24.0"


def test_a_tool_that_is_not_on_path_is_named_as_a_person_can_call_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert Path(tools.typed("uv", "")).name == "uv"
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("HEADSTART_STATE_DIR", str(tmp_path / "state"))
    assert tools.typed("uv", "") == str(Path(sys.executable).with_name("uv"))
    private = tools.pinned("poetry", "1.0")
    assert tools.typed("poetry", "1.0") == "poetry"
    private.parent.mkdir(parents=True)
    private.touch()
    assert tools.typed("poetry", "1.0") == str(private)


def test_what_a_project_runs_finds_the_pinned_tool_first_and_nothing_else_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Python that a tool runs on lies beside it, and has none of the project's packages."""
    monkeypatch.setenv("HEADSTART_STATE_DIR", str(tmp_path / "state"))
    given = {"PATH": str(tmp_path / "venv"), "LANG": "C"}
    assert tools.on_path(given, "poetry", "1.0") == given
    pinned = tools.pinned("poetry", "1.0")
    of_the_project = tmp_path / "venv" / "python"
    for program in (pinned, pinned.with_name("python"), of_the_project, tmp_path / "venv/poetry"):
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    for _ in range(2):  # the first of them makes it, the next finds it made
        found = tools.on_path(given, "poetry", "1.0")
        assert found | {"PATH": given["PATH"]} == given
        at = {name: shutil.which(name, path=found["PATH"]) for name in ("poetry", "python")}
        assert Path(str(at["poetry"])).samefile(pinned)
        assert at["python"] == str(of_the_project)
    assert tools.on_path(given, "poetry", "") == given
