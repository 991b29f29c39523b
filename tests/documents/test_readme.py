"""Headstart's README.md is followed by somebody who has just cloned it, with a home of their own.

What it installs is the command of the checkout. One project is behind the newest template: the
block about updates ends by taking its update back, so the next one finds it behind again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from bootstrap import pyenv
from bootstrap.project import releases
from tests.conftest import ROOT, install
from tests.documents.blocks import Reader
from tests.documents.conftest import shorten_the_suite
from tests.installed import pythons
from tests.project.conftest import checkout  # noqa: F401 - a fixture

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("documents")]

BEFORE, NOW = (each.version for each in releases.released()[-2:])


@dataclass(frozen=True)
class Person:
    """Somebody with a home, and what their shell knows."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        dropped = ("PYTEST", "PYTHON", "GIT_", "HEADSTART_", "COPIER_")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
        return inherited | {
            "HOME": str(self.home),
            "PATH": f"{self.home}/.local/bin:{os.environ['PATH']}",
            "PYENV_ROOT": str(pyenv.root(os.environ)),
            "PYTHON": sys.executable,
        }

    def run(self, *command: str, cwd: Path) -> None:
        """Run what their shell finds, which must succeed."""
        subprocess.run(["/usr/bin/env", *command], cwd=cwd, env=self.environment, check=True)

    def older_project(self, folder: Path) -> Path:
        """A project of the template before the newest, with the packages of its lock."""
        folder.mkdir(parents=True)
        self.run("headstart", "new", "shop", "--defaults", "--version", BEFORE, cwd=folder)
        shop = folder / "shop"
        install(shop, shop / "requirements-dev.lock", pythons.of("3.13"))
        shorten_the_suite(shop / "pyproject.toml")
        self.run("git", "commit", "--quiet", "--all", "--message", "Fewer tests", cwd=shop)
        return shop


@pytest.fixture
def ada(tmp_path: Path) -> Person:
    """Somebody whom git knows."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
    return Person(home)


def test_the_readme_can_be_followed(ada: Person, checkout: Path, tmp_path: Path) -> None:  # noqa: F811
    clone = Path(shutil.copytree(checkout, tmp_path / "clone"))
    shorten_the_suite(clone / "template/pyproject.toml.jinja")
    reader = Reader.of(ROOT / "README.md", ada.environment)
    assert "it works" in reader.follow(clone)

    shop = ada.older_project(ada.home / "code")
    reader.follow(shop, {"headstart status": 2})
    assert (shop / "report.html").exists()
    assert _version(shop) == BEFORE

    reader.follow(ada.home, {"headstart fleet status": 2})
    assert _version(shop) == NOW
    assert reader.has_read_all()


def _version(shop: Path) -> str:
    answers = yaml.safe_load((shop / ".copier-answers.yml").read_text("utf-8"))
    return str(answers["_commit"]).removeprefix("v")
