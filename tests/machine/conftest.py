"""A tiny real project, and the command line that is pointed at it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from compileall import compile_dir
from dataclasses import dataclass, field
from pathlib import Path
from py_compile import PycInvalidationMode
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from bootstrap import pyenv
from tests import forkserver
from tests.conftest import unavailable
from tests.shared import shared
from tests.toolbox import TOOLS, made
from tests.waiting import LONG, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
LOCK = Path(__file__).parent / "data" / "requirements.lock"
PYTHON = platform.python_version()
PIP = "26.3"
POETRY = f"poetry=={TOOLS['poetry']}"

TOOLCHAIN = """\
version: 1
project: shop
pip: "{pip}"
venv:
  layout: in-project
packages:
  installer: pip
  lock: requirements-dev.lock
environment:
  file: .env
  example: .env.example
  secrets: [SECRET_KEY]
migrations:
  command: python migrate/run.py
  versions: migrate/versions
proof:
  - python prove.py
"""
MIGRATE = """\
import sqlite3
connection = sqlite3.connect("shop.db")
connection.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num TEXT)")
connection.execute("DELETE FROM alembic_version")
connection.execute("INSERT INTO alembic_version VALUES ('0002')")
connection.commit()
"""
# Tells its process number, then waits for permission where a file asks it to.
PROVE = """\
import iniconfig, os, pathlib, pluggy, time
pathlib.Path("proving").write_text(str(os.getpid()))
while pathlib.Path("wait").exists():
    time.sleep(0.02)
"""


@dataclass
class Shop:
    """The project, its private state folder, and every process started for it."""

    root: Path
    state: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def headstart(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = ("-m", "bootstrap", *arguments)
        environment = self.environment(variables)
        return forkserver.of_headstart().run(*command, cwd=self.root, env=environment, timeout=600)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.argv(*arguments),
            cwd=self.root,
            env=self.environment(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "bootstrap", *arguments]

    def environment(self, more: dict[str, str]) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "NO_COLOR"}}
        own = {"HEADSTART_STATE_DIR": str(self.state), "PYTHONPATH": str(REPOSITORY)}
        own["VIRTUALENV_OVERRIDE_APP_DATA"] = str(shared("app-data", _seed))
        # A pyenv that is not on this machine's PATH is a step more, and has tests of its own.
        own["PATH"] = f"{os.environ['PATH']}:{pyenv.root(os.environ) / 'bin'}"
        return inherited | own | more

    def up(self, *arguments: str) -> list[dict[str, object]]:
        """A run that has to succeed; its events."""
        done = self.headstart("up", "--json", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def findings(self) -> list[dict[str, str]]:
        done = self.headstart("doctor", "--json")
        document = json.loads(done.stdout)
        assert done.returncode == (1 if document["findings"] else 0), done.stderr
        found: list[dict[str, str]] = document["findings"]
        return found

    def journal(self) -> list[dict[str, object]]:
        paths = list(self.state.glob("projects/*/journal.jsonl"))
        lines = paths[0].read_text().splitlines() if paths else []
        return [json.loads(line) for line in lines]

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def block_the_proof(self) -> tuple[subprocess.Popen[str], int]:
        """A running `up` that waits in the middle of its proof, and the proof's process number."""
        (self.root / "proving").unlink(missing_ok=True)
        (self.root / "wait").touch()
        running = self.start("up", "--prove")
        wait_until(lambda: bool(_text(self.root / "proving")), "the proof to run", LONG, 0.01)
        return running, int(_text(self.root / "proving"))

    def release_the_proof(self) -> None:
        (self.root / "wait").unlink(missing_ok=True)


def _seed(app_data: Path) -> None:
    """Let virtualenv keep the pip of these projects, compiled: each environment begins with it."""
    environment = os.environ | {"VIRTUALENV_OVERRIDE_APP_DATA": str(app_data)}
    seeds = ("--no-periodic-update", "--pip", PIP, "--no-setuptools")
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "virtualenv", "--quiet", *seeds, folder]
        subprocess.run(command, env=environment, check=True)
    unchecked = PycInvalidationMode.UNCHECKED_HASH  # virtualenv copies them with new times
    compile_dir(app_data, quiet=1, invalidation_mode=unchecked)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def other_python() -> str:
    """Another interpreter of this machine's pyenv, for what happens when the pin changes."""
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = [
        at.name
        for at in sorted(versions.glob("3.1[1-9].*"))
        if at.name != PYTHON and (at / "bin" / "python").exists()
    ]
    if not found:
        unavailable("a second Python in pyenv")
    return found[-1]


def newest(minor: str) -> str:
    """The newest Python of that series in this machine's pyenv."""
    versions = pyenv.final_versions(pyenv.root(os.environ))
    version = next((each for each in versions if each.startswith(f"{minor}.")), None)
    return version or unavailable(f"a Python {minor} in pyenv")


@pytest.fixture(scope="session")
def poetry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Poetry, in an environment of its own."""
    folder = tmp_path_factory.mktemp("poetry")
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    install = ["pip", "install", "--quiet", "--python", str(folder), POETRY]
    if subprocess.run([*uv, *install], check=False).returncode:
        unavailable(f"an index that has {POETRY}")
    return folder / "bin" / "poetry"


@pytest.fixture(scope="session")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the tools as `up` makes them; Poetry is told where packages are."""
    folder = tmp_path_factory.mktemp("tools")
    for each in map(made, TOOLS):
        (folder / each.name).symlink_to(each)
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A new project, for which nothing is brought up."""
    yield from _lent(_new(tmp_path))


@pytest.fixture
def ready(_kept: Path) -> Iterator[Shop]:
    """The same project as `up` leaves it, always in one place, for environments cannot be moved."""
    now = _kept.with_name("now")
    shutil.rmtree(now, ignore_errors=True)
    subprocess.run(["/bin/cp", "-a", str(_kept), str(now)], check=True)
    yield from _lent(_at(now))


@pytest.fixture(scope="session")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ready")
    _new(folder / "now").up()
    return (folder / "now").rename(folder / "kept")


def _at(folder: Path) -> Shop:
    return Shop(folder / "ein schöner Ordner" / "shop", folder / "state")


def _lent(shop: Shop) -> Iterator[Shop]:
    yield shop
    shop.release_the_proof()
    for process in shop.started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=600)


def _new(folder: Path) -> Shop:
    shop = _at(folder)
    root = shop.root
    (root / "migrate" / "versions").mkdir(parents=True)
    (root / ".python-version").write_text(f"{PYTHON}\n")
    (root / "toolchain.yml").write_text(TOOLCHAIN.format(pip=PIP))
    (root / "requirements-dev.lock").write_text(LOCK.read_text())
    (root / ".env.example").write_text("SECRET_KEY=\nDATABASE_URL=sqlite:///./shop.db\n")
    (root / "migrate" / "run.py").write_text(MIGRATE)
    (root / "migrate" / "versions" / "0001_a.py").write_text(
        'revision = "0001"\ndown_revision = None\n'
    )
    (root / "migrate" / "versions" / "0002_b.py").write_text(
        'revision = "0002"\ndown_revision = "0001"\n'
    )
    (root / "prove.py").write_text(PROVE)
    return shop
