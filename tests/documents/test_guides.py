"""README.md and docs/ are followed by somebody who has just cloned Headstart, with their own home.

What they install is the command of the checkout. One project is behind the newest template: the
block about updates ends with a rollback, so the next block finds it behind again.
"""

from __future__ import annotations

import json
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

    def reader(self, document: str) -> Reader:
        """This person, at the beginning of a document."""
        return Reader.of(ROOT / document, self.environment)

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


def test_the_guides_can_be_followed(ada: Person, checkout: Path, tmp_path: Path) -> None:  # noqa: F811
    clone = Path(shutil.copytree(checkout, tmp_path / "clone"))
    shorten_the_suite(clone / "template/pyproject.toml.jinja")
    readme = ada.reader("README.md")
    assert "it works" in readme.follow(clone)
    assert readme.has_read_all()

    shop = clone / "shop"
    tour = ada.reader("docs/tour.md")
    assert "idna" in tour.follow(shop)
    machine = ada.reader("docs/machine.md")
    machine.follow(shop)
    machine.follow(shop)
    schema = json.loads((shop / "toolchain.schema.json").read_text("utf-8"))
    assert "pip" in schema["properties"]
    assert "Nothing was changed" in machine.follow(shop)
    assert machine.has_read_all()
    builds = ada.reader("docs/python-builds.md")
    assert "openssl-missing" in builds.follow(shop)
    assert builds.has_read_all()
    template = ada.reader("docs/template.md")
    template.follow(ada.home)
    assert (ada.home / "shop/docs/cache.md").exists()
    assert template.has_read_all()

    older = ada.older_project(ada.home / "code")
    assert "app/features/cache" in tour.follow(older, {"headstart status": 2})
    assert tour.has_read_all()
    updating = ada.reader("docs/updating.md")
    updating.follow(older, {"headstart status": 2})
    assert (older / "report.html").exists()
    assert _version(older) == BEFORE
    assert "It is recorded already." in updating.follow(older)
    updating.follow(ada.home, {"headstart fleet status": 2})
    assert _version(older) == NOW
    assert updating.has_read_all()


def _version(shop: Path) -> str:
    answers = yaml.safe_load((shop / ".copier-answers.yml").read_text("utf-8"))
    return str(answers["_commit"]).removeprefix("v")
