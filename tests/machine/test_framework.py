"""Pythons as a Mac has them: frameworks, of pyenv and of Homebrew, which replaces them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap import pyenv
from bootstrap.machine.check import ask_stub
from bootstrap.machine.pins import read
from bootstrap.versions import minor
from tests.machine.conftest import PYTHON, Shop, other_python
from tests.machine.simulated_mac import new_mac

pytestmark = pytest.mark.slow

SERIES = minor(PYTHON)
NAME = f"python{SERIES}"


def framework(frameworks: Path, real: Path, series: str = SERIES) -> Path:
    """A Python that runs, in the folders of a framework build; return that of its programs."""
    version = frameworks / "Python.framework" / "Versions" / series
    (version / "Resources" / "Python.app" / "Contents" / "MacOS").mkdir(parents=True)
    (version / "bin").mkdir()
    name = f"python{series}"
    shutil.copy(real / "bin" / name, version / "bin" / name)
    (version / "bin" / "python3").symlink_to(name)
    (version / "lib").symlink_to(real / "lib")
    (version.parent / "Current").symlink_to(series)
    return version.parent / "Current" / "bin"


def told(shop: Shop, code: int, **variables: str) -> str:
    done = shop.headstart("check", **variables)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_a_framework_build_of_pyenv_is_a_python_like_any_other(shop: Shop, tmp_path: Path) -> None:
    version = other_python()  # not the one that runs Headstart, which would do as well
    (shop.root / ".python-version").write_text(f"{version}\n")
    root, name = tmp_path / "pyenv", f"python{minor(version)}"
    prefix = root / "versions" / version
    real = pyenv.root(os.environ) / "versions" / version
    programs = framework(prefix / "Library" / "Frameworks", real, minor(version))
    (prefix / "bin").symlink_to(programs)
    # A Python that a framework's launcher has started hands this on to whatever it starts.
    tools, handed_on = tmp_path / "tools", tmp_path / "handed-on"
    tools.mkdir()
    (tools / "find").write_text(
        f'#!/bin/sh\necho "${{__PYVENV_LAUNCHER__-no}}" >>{handed_on}\nexec /usr/bin/find "$@"\n'
    )
    (tools / "find").chmod(0o755)
    of_shell = {
        "PYENV_ROOT": str(root),
        "PATH": f"{tools}:{shop.environment({})['PATH']}",
        "__PYVENV_LAUNCHER__": "/nowhere/python3",
    }
    done = shop.headstart("up", **of_shell)
    assert done.returncode == 0, done.stdout + done.stderr
    assert shop.headstart("doctor", **of_shell).returncode == 0
    told(shop, 0, **of_shell)
    assert set(handed_on.read_text().split()) == {"no"}
    pins = read(shop.root)
    assert ask_stub(pins)

    being_built = root / "versions" / f".{version}.building"
    being_built.touch()
    assert not ask_stub(pins)
    assert "was interrupted" in told(shop, 1, **of_shell)
    being_built.unlink()
    told(shop, 0, PYENV_ROOT="/nowhere")  # an IDE has not what a shell exports

    pins.venv_python.unlink()
    shutil.copy(programs / name, pins.venv_python)  # as `venv --copies` does it
    told(shop, 0, **of_shell)
    assert ask_stub(pins)

    prefix.rename(tmp_path / "gone")
    assert not ask_stub(pins)
    assert f"lost its interpreter: {prefix}/bin/{name} is gone" in told(shop, 1, **of_shell)
    (tmp_path / "gone").rename(prefix)
    told(shop, 0, **of_shell)


def test_what_homebrew_upgrades_is_noticed_and_repaired_by_one_command(
    shop: Shop, tmp_path: Path
) -> None:
    mac = new_mac(shop, tmp_path / "mac", PYTHON)
    shop.edit("toolchain.yml", "venv:", "python:\n  provider: system\nvenv:")
    mac.variables["PATH"] = f"{mac.brew / 'bin'}:{mac.variables['PATH']}"
    (mac.brew / "bin").mkdir()
    pour(mac.brew, PYTHON)
    assert mac.up().returncode == 0
    told(shop, 0, **mac.variables)
    pins = read(shop.root)

    # The same Python, built anew: the folder of the earlier one is gone, and what leads there.
    pins.venv_python.unlink()
    pins.venv_python.symlink_to(keg(mac.brew, PYTHON) / "bin" / NAME)
    told(shop, 0, **mac.variables)
    pour(mac.brew, f"{PYTHON}_1")
    lost = keg(mac.brew, PYTHON) / "bin" / NAME
    assert not lost.exists()
    assert not ask_stub(pins)
    for command in ("check", "doctor", "plan"):
        said = shop.headstart(command, **mac.variables).stdout
        assert "is gone, and Homebrew has another version now" in said
    assert mac.up().returncode == 0
    assert "Cellar" in os.path.realpath(pins.venv_python)
    told(shop, 0, **mac.variables)

    # Another patch release, where the venv's own link still leads.
    later = SERIES + "." + str(int(PYTHON.rpartition(".")[2]) + 1)
    python = Path(os.path.realpath(pins.venv_python))
    python.unlink()
    python.write_text(f"#!/bin/sh\necho Python {later}\n")
    python.chmod(0o755)
    assert not ask_stub(pins)
    assert f".venv has Python {later}, not {PYTHON}" in told(shop, 1, **mac.variables)
    refused = mac.up()
    assert refused.returncode == 4
    assert f"echo {later} >.python-version" in refused.stdout


def keg(brew: Path, version: str) -> Path:
    versions = brew / "Cellar" / f"python@{SERIES}" / version
    return versions / "Frameworks" / "Python.framework" / "Versions" / SERIES


def pour(brew: Path, version: str) -> None:
    """As `brew upgrade` leaves it: one version in the Cellar, and the links to it."""
    cellar = brew / "Cellar" / f"python@{SERIES}"
    shutil.rmtree(cellar, ignore_errors=True)
    programs = framework(cellar / version / "Frameworks", Path(sys.base_prefix))
    (cellar / version / "bin").symlink_to(programs)
    links = {brew / "opt" / f"python@{SERIES}": cellar / version}
    links[brew / "bin" / NAME] = links[brew / "opt" / f"python@{SERIES}"] / "bin" / NAME
    for link, target in links.items():
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    subprocess.run([brew / "bin" / NAME, "-V"], check=True, capture_output=True)
