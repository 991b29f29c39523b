"""The locks of Poetry, uv, PDM and Pipenv: installed and judged by the tool whose lock it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import nightly_but, package_index
from tests.machine.conftest import PIP, Shop

pytestmark = pytest.mark.slow

PROJECT = """\
[project]
name = "shop"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["pluggy"]

[project.optional-dependencies]
more = ["toolz"]
"""
GROUPS = '\n[dependency-groups]\ndev = ["iniconfig"]\n'
POETRY = """
[tool.poetry]
package-mode = false

[tool.poetry.group.dev.dependencies]
iniconfig = "*"

[tool.poetry.group.docs]
optional = true

[tool.poetry.group.docs.dependencies]
idna = "*"

[[tool.poetry.source]]
name = "simple"
url = "INDEX"
"""
PIPFILE = """\
[[source]]
name = "index"
url = "INDEX"
verify_ssl = true

[packages]
pluggy = "*"

[dev-packages]
iniconfig = "*"
"""


@dataclass(frozen=True)
class Tool:
    """A project in the form of one tool, and how its lock is made."""

    name: str
    lock: str
    files: dict[str, str]
    command: tuple[str, ...]


FORMS = {
    "poetry": Tool(
        "poetry", "poetry.lock", {"pyproject.toml": PROJECT + POETRY}, ("poetry", "lock")
    ),
    "uv": Tool("uv", "uv.lock", {"pyproject.toml": PROJECT + GROUPS}, ("uv", "lock")),
    "pdm": Tool("pdm", "pdm.lock", {"pyproject.toml": PROJECT + GROUPS}, ("pdm", "lock", "-G:all")),
    "pipenv": Tool(
        "pipenv",
        "Pipfile.lock",
        {"Pipfile": PIPFILE},
        ("pipenv", "lock"),
    ),
}


@dataclass
class Project:
    """A project of a tool; the tool is in PATH."""

    shop: Shop
    tool: Tool
    told: dict[str, str]

    def pin(self, *keys: str) -> None:
        lines = "".join(f"  {key}\n" for key in keys)
        (self.shop.root / "toolchain.yml").write_text(
            f"version: 1\nproject: shop\npip: {PIP}\nvenv: {{layout: in-project}}\npackages:\n"
            f"  installer: {self.tool.name}\n  lock: {self.tool.lock}\n{lines}"
        )

    def headstart(self, command: str) -> subprocess.CompletedProcess[str]:
        return self.shop.headstart(command, **self.told)

    def up(self) -> None:
        done = self.headstart("up")
        assert done.returncode == 0, done.stdout + done.stderr

    def make_the_lock(self) -> None:
        off = {"POETRY_VIRTUALENVS_CREATE": "false", "PIPENV_YES": "1"}
        environment = self.shop.environment(self.told | off)
        environment.pop("PYTHONPATH")
        done = subprocess.run(
            self.tool.command,
            cwd=self.shop.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def names(self) -> set[str]:
        folders = self.shop.root.glob(".venv/lib/*/site-packages/*.dist-info")
        return {folder.name.partition("-")[0] for folder in folders} - {"shop", "pip"}


@pytest.fixture
def project(request: pytest.FixtureRequest, shop: Shop, toolbox: Path) -> Project:
    tool: Tool = FORMS[request.param]
    for each in sorted(shop.root.iterdir()):
        if each.name != ".python-version":
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    for name, text in tool.files.items():
        (shop.root / name).write_text(text.replace("INDEX", package_index()))
    programs = [
        *(str(at / "bin") for at in sorted(toolbox.iterdir())),
        str(Path(sys.executable).parent),
    ]
    path = os.pathsep.join((*programs, os.environ["PATH"]))
    mine = Project(shop, tool, {"PATH": path, "POETRY_PYPI_MIRROR_URL": package_index()})
    mine.pin()
    mine.make_the_lock()
    return mine


@pytest.mark.parametrize("project", nightly_but("poetry", "uv", of=FORMS), indirect=True)
def test_a_lock_is_installed_watched_and_judged_by_its_tool(project: Project) -> None:
    project.up()
    assert project.names() >= {"pluggy", "iniconfig"}
    # What is optional is left out, but for PDM, which takes all that is in its lock.
    assert project.names().isdisjoint({"idna"} if project.tool.name == "pdm" else {"idna", "toolz"})
    assert project.headstart("check").returncode == 0
    assert project.headstart("doctor").returncode == 0

    lock = project.shop.root / project.tool.lock
    lock.write_text(lock.read_text() + "\n")
    assert project.headstart("check").returncode == 5
    doctor = project.headstart("doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert project.headstart("check").returncode == 0

    pip = [str(project.shop.root / ".venv/bin/python"), "-m", "pip", "uninstall", "-qy", "pluggy"]
    subprocess.run(pip, check=True)
    assert project.headstart("check").returncode == 5
    doctor = project.headstart("doctor")
    assert doctor.returncode == 1
    assert "pluggy" in doctor.stdout
    project.up()
    assert "pluggy" in project.names()


@pytest.mark.parametrize("project", nightly_but("poetry", "uv", of=FORMS), indirect=True)
def test_what_is_asked_for_besides_is_there(project: Project) -> None:
    project.pin("groups: []", *(["extras: [more]"] if project.tool.name != "pipenv" else []))
    project.up()
    expected = {"pluggy"} if project.tool.name == "pipenv" else {"pluggy", "toolz"}
    assert project.names() == expected
    project.pin(f"groups: [{'dev-packages' if project.tool.name == 'pipenv' else 'dev'}]")
    assert project.headstart("check").returncode == 5
    project.up()
    assert project.names() >= {"pluggy", "iniconfig"}


@pytest.mark.parametrize(
    "project", nightly_but("poetry", "uv", of=("poetry", "uv", "pdm")), indirect=True
)
def test_a_lock_that_is_not_the_projects_is_not_as_pinned(project: Project) -> None:
    project.up()
    pyproject = project.shop.root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('["pluggy"]', '["pluggy", "certifi"]'))
    # What Poetry's lock does not name at all is seen in it; of the others only their tool can tell.
    is_seen = project.tool.name == "poetry"
    assert project.headstart("check").returncode == (1 if is_seen else 5)
    doctor = project.headstart("doctor")
    assert doctor.returncode == 1
    assert f"{project.tool.lock} lacks what pyproject.toml asks for" in doctor.stdout
    assert f"{project.tool.name} lock && headstart up" in doctor.stdout
    assert project.headstart("up").returncode == (4 if is_seen else 1)
    for command in ("check", "doctor", "plan"):  # what has stopped it is not forgotten
        told = project.headstart(command)
        assert f"{project.tool.name} lock && headstart up" in told.stdout + told.stderr
    project.make_the_lock()
    project.up()
    assert "certifi" in project.names()
    assert project.headstart("check").returncode == 0


@pytest.mark.parametrize("project", ["poetry"], indirect=True)
def test_an_exact_version_of_a_tool_is_made_once(project: Project) -> None:
    """The release, and not what PATH has; its own folder makes it again where it is not whole."""
    project.pin('version: "1.8.5"')
    project.told["PATH"] = os.environ["PATH"]
    plan = project.headstart("plan").stdout
    assert "poetry==1.8.5" in plan
    project.headstart("up")
    made = project.shop.state / "tools" / "poetry-1.8.5"
    version = [str(made / "bin/poetry"), "--version"]
    assert "1.8.5" in subprocess.run(version, capture_output=True, text=True, check=True).stdout
    assert "pip install" not in project.headstart("plan").stdout
    (made / "whole").unlink()
    (made / "bin/poetry").unlink()
    assert "poetry==1.8.5" in project.headstart("plan").stdout


def test_a_lock_of_another_tool_is_an_error(shop: Shop) -> None:
    (shop.root / "uv.lock").touch()
    shop.edit("toolchain.yml", "lock: requirements-dev.lock", "lock: uv.lock")
    told = shop.headstart("plan")
    assert told.returncode == 64
    assert "to pip, uv.lock is a lock of uv" in told.stderr
