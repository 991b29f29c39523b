"""Installers at the version that is pinned, made as `up` makes them: once in a run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bootstrap.machine.installers import tools
from tests.conftest import package_index, unavailable
from tests.shared import shared

TOOLS = {"poetry": "2.5.1", "pdm": "2.29.4", "pipenv": "2026.10.3"}


def made(tool: str) -> Path:
    """The folder of a tool."""
    version = TOOLS[tool]

    def make(state: Path) -> None:
        with _state_in(state):
            for command in tools.commands(tool, version):
                if subprocess.run(command, check=False).returncode:
                    unavailable(f"an index that has {tool} {version}")
            if tool == "poetry":
                _ask_another_interface(tools.folder(tool, version))

    with _state_in(shared(("tool", tool, version), make)):
        return tools.folder(tool, version)


def state_with_poetry(folder: Path) -> Path:
    """A state of Headstart in which `up` finds its Poetry."""
    (folder / "tools").mkdir(parents=True)
    poetry = made("poetry")
    (folder / "tools" / poetry.name).symlink_to(poetry)
    return folder


def told() -> dict[str, str]:
    """What tells that Poetry where packages are, and nothing of an environment of ours."""
    inherited = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return {**inherited, "POETRY_PYPI_MIRROR_URL": package_index()}


def poetry(*words: str, cwd: Path) -> str:
    """Run it in a project; return what it said, fail with all of it."""
    done = subprocess.run(
        [made("poetry") / "bin/poetry", "--no-interaction", *words],
        cwd=cwd,
        env=told(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def install_by_poetry(shop: Path, python: Path = Path(sys.executable)) -> None:
    """Give a render an environment with what `poetry.lock` pins, as its `poetry.toml` says."""
    subprocess.run([python, "-m", "venv", "--without-pip", shop / ".venv"], check=True)
    poetry("install", cwd=shop)


def install_by_uv(shop: Path, python: Path = Path(sys.executable)) -> None:
    """The same by uv, which makes its lock first."""
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([python, "-m", "venv", "--without-pip", shop / ".venv"], check=True)
    # Of the project's series there may be only another one here, which uv would go and fetch.
    ours = os.environ | {"UV_PYTHON": str(shop / ".venv/bin/python")}
    subprocess.run(["/usr/bin/make", "lock", f"UV={uv}"], cwd=shop, env=ours, check=True)
    subprocess.run([uv, "sync", "--quiet", "--locked"], cwd=shop, env=ours, check=True)


def _ask_another_interface(poetry: Path) -> None:
    """Poetry asks an interface that not every index has; a plugin of it makes it ask another."""
    plugin = [str(poetry / "bin/python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*plugin, "poetry-plugin-pypi-mirror"], check=True)


@contextmanager
def _state_in(folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADSTART_STATE_DIR", str(folder))
        yield
