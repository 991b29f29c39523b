"""Whoever locks and installs, the same is installed; and of the others there is no trace."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import headstart, package_index, rendered
from tests.rendered.gates import files
from tests.rendered.matrix import only
from tests.template_locks import TEMPLATE, pinned
from tests.toolbox import state_with_poetry

pytestmark = pytest.mark.slow

# What a person reads of the others in a render: the tool's name, or a file of it.
TRACES = {
    "pip": r"requirements(-dev)?\.lock|uv pip compile|pip install .*--require-hashes",
    "poetry": r"poetry",
    "uv": r"uv\.lock|uv sync|constraints\.txt",
}
HERE = f"python_version={'.'.join(map(str, sys.version_info[:3]))}"
SHARED = "packaging=poetry venv_layout=shared"


@pytest.mark.parametrize("packaging", TRACES)
def test_an_installer_leaves_no_trace_of_another(tmp_path: Path, packaging: str) -> None:
    shop = rendered(tmp_path, *only("container", "github", "pre_commit"), f"packaging={packaging}")
    others = re.compile("|".join(each for name, each in TRACES.items() if name != packaging))
    found = [
        f"{name}: {line}"
        for path in files(shop)
        if (name := str(path.relative_to(shop))) != ".copier-answers.yml"
        for line in [name, *path.read_text("utf-8").splitlines()]
        if others.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("packaging", ["poetry", "uv"])
def test_each_brings_what_pip_brings_and_up_finds_it_as_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packaging: str
) -> None:
    """But for uv, by which pip's locks are made. uv's own lock is made by the first `up`."""
    monkeypatch.setenv("POETRY_PYPI_MIRROR_URL", package_index())
    shop = rendered(tmp_path, f"packaging={packaging}", HERE)
    state = state_with_poetry(tmp_path / "state")
    assert (shop / f"{packaging}.lock").exists() == (packaging == "poetry")
    for step in ("venv", "pip", "packages"):
        headstart("up", "--only", step, cwd=shop, state=state)
    by_pip = {
        line.partition(" ;")[0]
        for line in pinned((TEMPLATE / "requirements-dev.lock").read_text("utf-8")).values()
    }
    here = {f"{name}=={version}" for name, version in installed(shop).items() if name != "pip"}
    assert here <= by_pip
    assert {"fastapi", "ruff", "uvicorn"} <= {each.partition("==")[0] for each in here}
    locked = locked_by(shop / f"{packaging}.lock")
    assert here <= locked <= by_pip
    assert not any(each.startswith("uv==") for each in locked)
    assert "as pinned" in headstart("check", cwd=shop, state=state)
    release(shop)
    assert not stub_says_yes(shop)
    assert "as pinned" in headstart("check", cwd=shop, state=state)
    assert stub_says_yes(shop)


def release(shop: Path) -> None:
    """Raise the version, which uv has in its lock too, and change what is for other tools."""
    for name in ("pyproject.toml", "uv.lock"):
        if (shop / name).exists():
            text = (shop / name).read_text("utf-8")
            assert text.count('version = "0.1.0"\n') == 1
            text = text.replace('version = "0.1.0"', 'version = "0.2.0"')
            (shop / name).write_text(text.replace("line-length = 100", "line-length = 99"), "utf-8")


def stub_says_yes(shop: Path) -> bool:
    """Whether what `headstart check` has left there knows everything as it is."""
    done = subprocess.run([shop / ".venv/bin/headstart-check"], cwd=shop, check=False)
    return done.returncode == 0


def locked_by(lock: Path) -> set[str]:
    """What a lock of tables has, but for the project itself."""
    packages = tomllib.loads(lock.read_text("utf-8"))["package"]
    return {
        f"{each['name']}=={each['version']}"
        for each in packages
        if "virtual" not in each.get("source", {})
    }


def test_poetrys_environment_is_beside_the_code(tmp_path: Path) -> None:
    """`poetry.toml` says so to everybody, so that the question has no other answer."""
    shop = rendered(tmp_path, "preset=enterprise", "packaging=poetry")
    assert "layout: in-project" in (shop / "toolchain.yml").read_text("utf-8")
    assert "venv_layout" not in (shop / ".copier-answers.yml").read_text("utf-8")
    command = [sys.executable, "-m", "bootstrap", "new", "other", "--defaults"]
    words = [word for each in SHARED.split() for word in ("--data", each)]
    refused = subprocess.run(
        [*command, *words], cwd=tmp_path, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(TEMPLATE.parent)},
    )  # fmt: skip
    assert refused.returncode == 64
    assert (
        "venv_layout is not asked here: it follows from the answer to packaging" in refused.stderr
    )
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("tool", ["poetry", "uv"])
def test_without_the_tool_on_path_the_lock_says_where_to_get_it(tmp_path: Path, tool: str) -> None:
    shop = rendered(tmp_path, f"packaging={tool}")
    command = ["/usr/bin/make", "lock", f"{tool.upper()}=/nowhere/{tool}"]
    done = subprocess.run(command, cwd=shop, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"There is no {tool} on PATH: pipx install {tool}==")


def installed(shop: Path) -> dict[str, str]:
    folders = shop.glob(".venv/lib/*/site-packages/*.dist-info")
    pairs = (folder.name.removesuffix(".dist-info").split("-") for folder in folders)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}
