"""A real CPython, compiled once by the real pyenv; its configure, stopped by what is missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap import pyenv
from bootstrap.machine.facts import interpreter
from tests.conftest import disk, fill
from tests.machine import cpython
from tests.machine.conftest import Shop

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cpython")]

MINUTES = 20
OPENSSL = "--with-openssl=/usr"


@dataclass
class Foundry:
    """A private pyenv root for a project that pins a Python whose source is here."""

    shop: Shop
    prefix: Path
    temporary: Path
    variables: dict[str, str]

    def leftovers(self) -> list[Path]:
        """What a build may not leave behind: half prefixes, markers, folders of its own."""
        beside = [at for at in self.prefix.parent.iterdir() if at != self.prefix]
        return beside + list(self.temporary.iterdir())

    def start(self, *arguments: str, phase: str, **more: str) -> subprocess.Popen[str]:
        """A running `up` whose build has come to that phase."""
        running = self.shop.start("up", "--json", *arguments, **self.variables | more)
        assert running.stdout
        for line in running.stdout:
            event = json.loads(line)
            if event["event"] == "progress" and event["phase"] == phase:
                return running
        raise AssertionError(running.communicate()[1])


@pytest.fixture
def foundry(shop: Shop, tmp_path: Path, pytestconfig: pytest.Config) -> Foundry:
    assert pytestconfig.cache
    cache = pytestconfig.cache.mkdir("cpython")
    cpython.fetch(cache)
    root, definitions, temporary = (tmp_path / each for each in ("pyenv", "definitions", "tmp"))
    for folder in (root / "plugins", root / "versions", definitions, temporary):
        folder.mkdir(parents=True)
    real = pyenv.root(os.environ)
    (root / "plugins" / "python-build").symlink_to(real / "plugins" / "python-build")
    (definitions / cpython.VERSION).write_text(cpython.DEFINITION)
    (shop.root / ".python-version").write_text(f"{cpython.VERSION}\n")
    variables = {
        "PYENV_ROOT": str(root),
        "PATH": f"{real}/bin:{os.environ['PATH']}",
        "PYTHON_BUILD_CACHE_PATH": str(cache),
        "PYTHON_BUILD_DEFINITIONS": str(definitions),
        "PYTHON_CONFIGURE_OPTS": f"{OPENSSL} --disable-test-modules",
        # Compiling is what takes long, and nobody is in a hurry to run what comes of it.
        "PYTHON_CFLAGS": "-O0 -g0",
        "TMPDIR": str(temporary),
    }
    return Foundry(shop, root / "versions" / cpython.VERSION, temporary, variables)


@pytest.mark.nightly
def test_killed_while_it_compiles_the_same_command_builds_a_python_that_works(
    foundry: Foundry,
) -> None:
    killed = foundry.start(phase="compile")
    killed.kill()
    killed.communicate()
    again = foundry.shop.start("up", "--json", **foundry.variables)
    told = again.communicate(timeout=MINUTES * 60)
    assert again.returncode == 0, told
    assert foundry.leftovers() == []
    said = interpreter.interrogate(foundry.prefix / "bin" / "python3")
    assert isinstance(said, interpreter.InterpreterReport)
    assert interpreter.problems(said, cpython.VERSION, options=OPENSSL) == ()
    base = [str(foundry.shop.root / ".venv/bin/python"), "-c", "import sys; print(sys.base_prefix)"]
    assert subprocess.run(base, capture_output=True, text=True, check=True).stdout.strip() == str(
        foundry.prefix
    )


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("library", "cause"),
    [
        ("-lssl", "openssl-missing"),
        ("-lz", "zlib-missing"),  # the same, once more
    ],
)
def test_a_library_that_cannot_be_linked_is_told_by_configure(
    foundry: Foundry, tmp_path: Path, library: str, cause: str
) -> None:
    """Its headers are there, as where an upgrade has left half of a package."""
    shims = tmp_path / "shims"
    shims.mkdir()
    gcc = shutil.which("gcc")
    (shims / "gcc").write_text(
        f'#!/bin/sh\ncase " $* " in *" {library} "*)'
        f' echo "/usr/bin/ld: cannot find {library}" >&2; exit 1;; esac\nexec {gcc} "$@"\n'
    )
    (shims / "gcc").chmod(0o755)
    # Where pkg-config knows zlib, configure believes it and links nothing.
    (shims / "pkg-config").write_text(
        f'#!/bin/sh\ncase "$*" in *zlib*) exit 1;; esac\nexec {shutil.which("pkg-config")} "$@"\n'
    )
    (shims / "pkg-config").chmod(0o755)
    more = {"PATH": f"{shims}:{foundry.variables['PATH']}", "PYTHON_CONFIGURE_OPTS": ""}
    done = foundry.shop.headstart("up", "--json", **foundry.variables | more)
    assert done.returncode == 1
    told = json.loads(done.stdout.splitlines()[-1])["error"]
    assert told["cause"] == cause
    assert not foundry.prefix.exists()
    assert foundry.leftovers() == []


def test_a_disk_that_fills_up_is_told_and_cleared(foundry: Foundry, tmp_path: Path) -> None:
    with disk(tmp_path / "small", "size=600m") as small:
        running = foundry.start(phase="configure", TMPDIR=str(small))
        fill(small)
        told, _ = running.communicate(timeout=600)
        assert running.returncode == 1
        assert json.loads(told.splitlines()[-1])["error"]["cause"] == "disk-full"
        assert list(small.iterdir()) == []
    assert foundry.leftovers() == []
