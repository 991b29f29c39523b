"""pipx, `uv tool` and `uvx` install the command from an index, for somebody with an empty home."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap import __version__
from bootstrap.project import releases
from tests import indexes, publish
from tests.conftest import nightly_but, said, unavailable
from tests.indexes import Index
from tests.project.conftest import checkout  # noqa: F401 - a fixture
from tests.shared import shared
from tests.terminal import Terminal

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("tools")]

SUFFIX = {"wheel": "*.whl", "sdist": "*.tar.gz"}
from_either = pytest.mark.parametrize("index", list(SUFFIX), indirect=True)


@dataclass(frozen=True)
class Newcomer:
    """Somebody with git, make, uv and pipx, and nothing in their home."""

    home: Path
    variables: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        dropped = ("PYTEST", "PYTHON", "PYENV", "GIT_CONFIG", "HEADSTART_", "VIRTUAL_ENV", "XDG_")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
        path = f"{self.home}/.local/bin:{self.home}/tools:/usr/bin:/bin"
        return inherited | {"HOME": str(self.home), "PATH": path} | self.variables

    def run(self, *command: str, cwd: Path | None = None) -> str:
        """What a command says that must succeed."""
        return said(["/usr/bin/env", *command], cwd or self.home, self.environment)


@pytest.fixture(scope="module")
def index(
    request: pytest.FixtureRequest, distributions: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Index]:
    """An index that has Headstart as the test's parameter says; it asks others for all else."""
    folder = tmp_path_factory.mktemp("index") / "packages"
    with indexes.public(folder) as index:
        for file in distributions.glob(SUFFIX[getattr(request, "param", "wheel")]):
            shutil.copy(file, folder)
        yield index


@pytest.fixture
def newcomer(index: Index, tmp_path: Path) -> Newcomer:
    """Nothing of Headstart is remembered by their tools; what it needs was downloaded before."""
    home = tmp_path / "home"
    (home / "tools").mkdir(parents=True)
    for name in ("uv", "uvx", "pipx"):
        (home / "tools" / name).symlink_to(Path(sysconfig.get_path("scripts")) / name)
    caches = shared(("caches of", index.simple), lambda folder: folder.joinpath("uv").mkdir())
    return Newcomer(home, indexes.asking(index, caches / "uv"))


@pytest.mark.parametrize("index", nightly_but("wheel", of=SUFFIX), indirect=True)
@pytest.mark.parametrize("install", ["pipx install", "uv tool install"])
def test_the_command_is_installed_and_makes_projects(newcomer: Newcomer, install: str) -> None:
    newcomer.run(*install.split(), "headstart")
    assert newcomer.run("headstart", "--version") == f"headstart {__version__}\n"
    assert "shop" in newcomer.run("headstart", "new", "shop", "--defaults")
    shop = newcomer.home / "shop"
    assert f"_commit: v{__version__}\n" in (shop / ".copier-answers.yml").read_text()
    assert "No newer template" in newcomer.run("headstart", "status", cwd=shop)
    newcomer.run(*install.split()[:-1], "uninstall", "headstart")
    assert [each.name for each in (newcomer.home / ".local/bin").iterdir()] == []


@pytest.mark.nightly
def test_a_checkout_is_installed_as_well(newcomer: Newcomer, checkout: Path) -> None:  # noqa: F811
    """Its command makes projects of the newest release, as that of an index does."""
    newcomer.run("pipx", "install", ".", cwd=checkout)
    newcomer.run("headstart", "new", "shop", "--defaults")
    answers = (newcomer.home / "shop/.copier-answers.yml").read_text()
    assert f"_commit: v{releases.released()[-1].version}\n" in answers
    told = newcomer.run("uvx", "--from", ".", "headstart", "--version", cwd=checkout)
    assert told.endswith(f"headstart {__version__}\n")


@pytest.mark.parametrize("index", ["sdist"], indirect=True)
def test_it_runs_without_being_installed(newcomer: Newcomer) -> None:
    assert newcomer.run("uvx", "headstart@latest", "--version").endswith(f"{__version__}\n")
    assert not (newcomer.home / ".local/bin").exists()


def test_a_project_is_made_and_brought_up_without_installing(newcomer: Newcomer) -> None:
    """What uvx has unpacked may go at any time: nothing of the project may lie there."""
    told = newcomer.run("uvx", "headstart", "new", "shop", "--defaults", "--up")
    assert "it works" in told
    assert "shop is ready" in told
    cache = newcomer.variables["UV_CACHE_DIR"].encode()
    shop = newcomer.home / "shop"
    links = (path for path in shop.rglob("*") if path.is_symlink())
    assert [each for each in links if cache in bytes(each.readlink())] == []
    kept = (path for path in shop.rglob("*") if path.is_file() and "/lib/" not in str(path))
    assert [path for path in kept if cache in path.read_bytes()] == []


def test_a_project_brings_in_the_version_that_rendered_it(
    newcomer: Newcomer,
    checkout: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Of a template that is published; what `up` says of a project without pins is enough."""
    template = Path(shutil.copytree(checkout, tmp_path / "template"))
    address = "https://git.example.org/headstart"
    stated = publish.Published("headstart", "", address, address)
    publish.fill(template, stated)
    newcomer.run("uvx", "copier", "copy", "-lq", str(template), "shop", "-d", "project_name=shop")
    shop = newcomer.home / "shop"
    answers = shop / ".copier-answers.yml"
    commit = re.compile(r"(?m)^_commit: .*$")
    answers.write_text(commit.sub(f"_commit: v{__version__}", answers.read_text()))
    (shop / "toolchain.yml").write_text("what: it is not\n")
    make = ["make", "-C", "shop", "up"]
    for tool in ("uvx", "pipx"):
        done = subprocess.run(
            make, cwd=newcomer.home, env=newcomer.environment, capture_output=True, check=False
        )
        assert b"toolchain.yml" in done.stderr, (tool, done)
        assert b"Error 64" in done.stderr, (tool, done)
        (newcomer.home / "tools" / tool).unlink()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_it(newcomer: Newcomer, shell: str) -> None:
    """Installed in that shell as people do it, and asked for with a tab in the next one."""
    program = shutil.which(shell) or unavailable(shell)
    newcomer.run("uv", "tool", "install", "headstart")
    with shell_of(newcomer, program) as first:
        first.type("headstart --install-completion\r")
        first.expect("completion installed in")
        first.type("headstart --show-completion\r")
        first.expect("_HEADSTART_COMPLETE")
    with shell_of(newcomer, program) as then:
        then.type("headstart vers\t")
        then.expect("ions")
        then.type("\r")
        then.expect(__version__)
        then.type("headstart new --previ\t")
        then.expect("ew ")


# The new session's own terminal: by it a shell tells its jobs apart.
OWNED = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@contextmanager
def shell_of(person: Newcomer, program: str) -> Iterator[Terminal]:
    """An interactive shell that is ready for a command."""
    environment = person.environment | {"TERM": "xterm", "SHELL": program}
    command = [sys.executable, "-c", OWNED, program, "-i"]
    terminal = Terminal(command, person.home, environment, columns=200)
    try:
        terminal.expect("# " if os.geteuid() == 0 else "$ ")
        yield terminal
    finally:
        terminal.close()
