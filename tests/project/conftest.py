"""The world of these tests: a home, a git identity and a pyenv of their own."""

import compileall
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml

from tests import forkserver
from tests.shared import shared

REPOSITORY = Path(__file__).parents[2]
# What is downloaded is kept where the real home has it.
CACHES = {f"{each.upper()}_CACHE_DIR": str(Path.home() / ".cache" / each) for each in ("pip", "uv")}

Run = subprocess.CompletedProcess[str]


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without settings, in the environment of this process and of those it starts."""
    folder = tmp_path_factory.mktemp("home")
    move_in(folder, monkeypatch)
    return folder


def move_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `folder` the home of this process and of those it starts."""
    (folder / "gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
    for name in [name for name in os.environ if name.startswith(("GIT_", "COPIER_", "PYENV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(folder / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(folder / "copier-settings.yml"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    for name, kept in CACHES.items():
        monkeypatch.setenv(name, os.environ.get(name, kept))


def headstart(*arguments: str, cwd: Path, environment: Mapping[str, str] | None = None) -> Run:
    """Run the public command with no terminal."""
    command = ("-m", "bootstrap", *arguments)
    return forkserver.of_headstart().run(
        *command, cwd=cwd, env={**os.environ, **(environment or {})}
    )


def made(
    *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Run `headstart new … --defaults --json`, which must succeed, and return what it reports."""
    run = headstart("new", *arguments, "--defaults", "--json", cwd=cwd, environment=environment)
    assert run.returncode == 0, run.stderr
    document: dict[str, object] = json.loads(run.stdout)
    return document


def answers_without(*names: str, preset: str = "minimal", folder: Path) -> str:
    """A data file that answers every question of a preset but the named ones."""
    made("source/shop", "--preset", preset, cwd=_made_folder(folder / "source").parent)
    answers = yaml.safe_load((folder / "source/shop/.copier-answers.yml").read_text())
    kept = {name: value for name, value in answers.items() if name not in names}
    path = folder / "source/answers.yml"
    path.write_text(yaml.safe_dump(kept))
    return str(path)


def _made_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


def git(*arguments: str, cwd: Path) -> str:
    """Run git, which must succeed."""
    command = [shutil.which("git") or "git", *arguments]
    finished = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True)
    return finished.stdout.strip()


def tree(folder: Path) -> dict[str, tuple[bool, bytes]]:
    """Every file but git's own: whether it is executable, and its content."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): (os.access(path, os.X_OK), path.read_bytes())
        for path in files
        if ".git" not in path.relative_to(folder).parts
    }


@pytest.fixture(scope="session")
def checkout() -> Path:
    """A clean clone of this repository as it is in the working tree; not to be changed."""
    return shared("checkout", _check_out) / "headstart"


def _check_out(folder: Path) -> None:
    clone = folder / "headstart"
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=REPOSITORY)
    _copy([name for name in listed.split("\0") if (REPOSITORY / name).is_file()], clone)
    commit_all(clone)
    compileall.compile_dir(clone / "bootstrap", quiet=1)


def commit_all(folder: Path) -> None:
    """Make `folder` a repository of everything in it."""
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    git("init", "--quiet", cwd=folder)
    git("add", "--all", "--force", cwd=folder)
    git(*identity, "commit", "--quiet", "--message", "All of it", cwd=folder)


def _copy(names: Sequence[str], destination: Path) -> None:
    for name in names:
        target = destination / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, target)
    for name in ("README.md", "LICENSE"):  # the package's metadata names them
        (destination / name).touch()


@pytest.fixture
def dead_process() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid
