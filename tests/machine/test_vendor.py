"""From one folder, a machine that reaches nothing comes up: Python, pip, packages."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.conftest import unavailable
from tests.installed.conftest import UNSHARE
from tests.machine.conftest import PIP, PYTHON, Shop
from tests.machine.test_building import Workshop, workshop  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def unreachable(tmp_path: Path) -> dict[str, str]:
    """A network where nothing answers, and caches that hold nothing."""
    dead = "http://127.0.0.1:9"
    return {
        **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), dead),
        "PIP_INDEX_URL": dead,
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "0",
        "PIP_FIND_LINKS": "",
        "VIRTUALENV_OVERRIDE_APP_DATA": str(tmp_path / "app-data"),
    }


def without_network(
    shop: Shop, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """In a name space that has no network at all."""
    if subprocess.run([UNSHARE, "--net", "true"], check=False, capture_output=True).returncode:
        unavailable("unshare, for a machine without a network")
    return subprocess.run(
        [UNSHARE, "--net", *shop.argv(*arguments)],
        cwd=shop.root,
        env=shop.environment(variables),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_machine_without_a_network_comes_up_from_the_folder(
    workshop: Workshop,  # noqa: F811
    tmp_path: Path,
) -> None:
    shop, here = workshop.shop, workshop.variables
    options = {"PYTHON_CONFIGURE_OPTS": "--with-behaviour=ok"}
    assert shop.headstart("up", **here | options).returncode == 0
    filled = shop.headstart("vendor", "--json", **here)
    assert filled.returncode == 0, filled.stdout + filled.stderr
    assert json.loads(filled.stdout)["left_out"] == []
    for path in (shop.root / ".venv", workshop.prefix):
        shutil.rmtree(path)
    there = {
        name: value
        for name, value in here.items()
        if name not in {"PYTHON_BUILD_CACHE_PATH", "PYTHON_BUILD_DEFINITIONS"}
    }
    there |= options | unreachable(tmp_path)
    assert shop.headstart("up", **there).returncode != 0
    done = without_network(shop, "up", "--offline", **there)
    assert done.returncode == 0, done.stdout + done.stderr
    assert shop.findings() == [] or workshop.prefix.exists()


def test_a_folder_that_was_changed_or_is_for_other_pins_is_refused(workshop: Workshop) -> None:  # noqa: F811
    shop, here = workshop.shop, workshop.variables
    assert shop.headstart("up", "--offline", **here).returncode == 64
    options = {"PYTHON_CONFIGURE_OPTS": "--with-behaviour=ok"}
    assert shop.headstart("up", **here | options).returncode == 0
    assert shop.headstart("vendor", **here).returncode == 0
    wheel = next((shop.root / "vendor" / "wheels").glob("pluggy-*.whl"))
    wheel.write_bytes(b"another one")
    refused = shop.headstart("up", "--offline", **here)
    assert refused.returncode == 4
    assert wheel.name in refused.stderr
    assert "where this one has a network: headstart up && headstart vendor" in refused.stderr
    assert shop.headstart("vendor", **here).returncode == 0
    assert shop.headstart("up", "--offline", **here).returncode == 0
    shop.edit("toolchain.yml", PIP, "26.2")
    refused = shop.headstart("up", "--offline", **here)
    assert refused.returncode == 64
    assert "is for other pins" in refused.stderr
    assert f"pip {PIP}" in refused.stderr


def test_what_cannot_be_downloaded_is_told_and_what_poetry_keeps_is_not_asked_for(
    ready: Shop, tmp_path: Path
) -> None:
    failed = ready.headstart("vendor", **unreachable(tmp_path))
    assert failed.returncode == 1
    beforehand, _, problem = failed.stderr.partition("Not everything could be downloaded.")
    assert "pip 26.3 and 2 packages of requirements-dev.lock" in beforehand
    assert problem
    assert "next: headstart vendor, to continue from here" in failed.stderr
    ready.edit("toolchain.yml", "installer: pip", "installer: poetry")
    ready.edit("toolchain.yml", "lock: requirements-dev.lock", "lock: poetry.lock")
    (ready.root / "poetry.lock").write_text("")
    refused = ready.headstart("vendor")
    assert refused.returncode == 4
    assert "it has no folder to install from" in refused.stderr


def test_where_only_the_archive_of_python_cannot_be_had_all_else_is(
    ready: Shop, tmp_path: Path
) -> None:
    """The Python of the machine that it is for may be there already."""
    run = ["git", "-C", str(ready.root)]
    subprocess.run([*run, "init", "--quiet"], check=True)
    archive = f"http://127.0.0.1:9/Python-{PYTHON}.tar.xz#{'0' * 64}"
    (tmp_path / PYTHON).write_text(f'install_package "Python-{PYTHON}" "{archive}" standard\n')
    places = ("PYTHON_BUILD_CACHE_PATH", "PYTHON_BUILD_DEFINITIONS")
    nowhere = dict.fromkeys(places, str(tmp_path))
    filled = ready.headstart("vendor", "--json", **nowhere)
    assert filled.returncode == 0, filled.stdout + filled.stderr
    (left,) = json.loads(filled.stdout)["left_out"]
    assert "could not be downloaded. Connection refused." in left
    assert "The other machine needs that Python already" in left
    assert "vendor" not in subprocess.check_output([*run, "status", "--porcelain"], text=True)
    shutil.rmtree(ready.root / ".venv")
    done = without_network(ready, "up", "--offline", **unreachable(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert ready.findings() == []
