"""What it costs to bring a machine up, beside what people type instead: CPU-seconds, all of it.

`python -m tests.bench machine` renders and builds what is compared. Downloads are in the caches of
pip, uv and Poetry after the first round, which is not counted. Of all rounds the least counts: what
else the machine does only adds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bootstrap import pyenv
from tests.bench.measuring import cpu_seconds, interleaved
from tests.conftest import headstart, package_index, rendered

if TYPE_CHECKING:
    from collections.abc import Callable

Given = dict[str, str]
NOTHING: Given = {}
ROUNDS = int(os.environ.get("ROUNDS", "3"))
ROWS = os.environ.get("ROWS", "")
BIN = Path(sys.executable).parent
PIP = "26.3"
POETRY = "poetry==2.5.1"
TOOLCHAIN = f"""\
version: 1
project: shop
pip: "{PIP}"
venv:
  layout: in-project
packages:
  installer: {{installer}}
  lock: requirements-dev.lock
"""
PYPROJECT = """\
[project]
name = "shop"
version = "0.1.0"
requires-python = "=={python}"
dependencies = [
{dependencies}
]

[tool.poetry]
package-mode = false

[[tool.poetry.source]]
name = "simple"
url = "{index}"
priority = "primary"
"""
# A compiler that finds no header of OpenSSL, as where libssl-dev is not installed.
COMPILER = """\
#!/bin/sh
case "$*" in *-E*) {gcc} "$@" | grep -v openssl;; *) exec {gcc} "$@";; esac
"""


@dataclass(frozen=True)
class Bench:
    """Where it is measured: with which interpreter, and from which lock."""

    folder: Path
    python: Path
    version: str
    lock: Path

    def run(self, *argv: str | Path, cwd: Path, ends: int = 0, given: Given = NOTHING) -> None:
        """Run a command as in a shell that has headstart and uv, and no environment."""
        own = {"PATH": f"{BIN}:{os.environ['PATH']}", "HEADSTART_STATE_DIR": f"{self.folder}/state"}
        kept = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        done = subprocess.run(
            list(map(str, argv)),
            cwd=cwd,
            env=kept | own | given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == ends, done.stdout

    def pinned(self, name: str, installer: str) -> Path:
        """A project that pins a Python, a pip and the packages of the lock, and nothing else."""
        at = self.folder / name
        at.mkdir()
        (at / ".python-version").write_text(f"{self.version}\n")
        (at / "toolchain.yml").write_text(TOOLCHAIN.format(installer=installer))
        shutil.copy(self.lock, at / "requirements-dev.lock")
        return at


def by_headstart(
    bench: Bench, installer: str, *only: str, given: Given = NOTHING
) -> Callable[[], None]:
    """Return what brings a fresh environment up, with that installer."""
    at = bench.pinned("-".join(("headstart", installer, *only, *given)), installer)

    def run() -> None:
        shutil.rmtree(at / ".venv", ignore_errors=True)
        bench.run("headstart", "up", *only, cwd=at, given=given)

    return run


def by_hand(bench: Bench, name: str, *commands: tuple[str | Path, ...]) -> Callable[[], None]:
    """Return what makes a fresh `.venv` by commands, in a folder that has the lock."""
    at = bench.folder / name
    at.mkdir()
    shutil.copy(bench.lock, at / "requirements-dev.lock")

    def run() -> None:
        shutil.rmtree(at / ".venv", ignore_errors=True)
        for command in commands:
            bench.run(*command, cwd=at)

    return run


def by_poetry(bench: Bench) -> Callable[[], None]:
    """Return what `poetry install` makes of the same packages."""
    tool = bench.folder / "poetry"
    bench.run("uv", "venv", "--quiet", "--python", bench.python, tool, cwd=bench.folder)
    bench.run("uv", "pip", "install", "--quiet", "--python", tool, POETRY, cwd=bench.folder)
    poetry = tool / "bin" / "poetry"
    at = bench.folder / "by-poetry"
    at.mkdir()
    pins = re.findall(r"^([\w.-]+==[^\\\n]+?) *\\?$", bench.lock.read_text(), re.MULTILINE)
    listed = "\n".join(f'  "{pin}",' for pin in pins)
    (at / "pyproject.toml").write_text(
        PYPROJECT.format(python=bench.version, dependencies=listed, index=package_index())
    )
    settings = {"POETRY_VIRTUALENVS_IN_PROJECT": "true", "POETRY_VIRTUALENVS_CREATE": "true"}
    bench.run(poetry, "env", "use", bench.python, cwd=at, given=settings)
    bench.run(poetry, "lock", "--no-interaction", cwd=at, given=settings)

    def run() -> None:
        shutil.rmtree(at / ".venv", ignore_errors=True)
        bench.run(poetry, "install", "--no-interaction", cwd=at, given=settings)

    return run


def without_header(bench: Bench) -> Callable[[], None]:
    """Return what finds out that a Python cannot be built here."""
    at = bench.pinned("unbuilt", "pip")
    root, shims = bench.folder / "pyenv", bench.folder / "shims"
    (root / "plugins").mkdir(parents=True)
    shims.mkdir()
    real = pyenv.root(os.environ)
    (root / "plugins" / "python-build").symlink_to(real / "plugins" / "python-build")
    (shims / "gcc").write_text(COMPILER.format(gcc=shutil.which("gcc")))
    (shims / "gcc").chmod(0o755)
    (at / ".python-version").write_text("3.12.0\n")
    path = f"{shims}:{BIN}:{real}/bin:{os.environ['PATH']}"
    given = {"PATH": path, "PYENV_ROOT": str(root)}
    return lambda: bench.run("headstart", "up", cwd=at, ends=4, given=given)


def without_uv(bench: Bench) -> Given:
    """Return a PATH that has headstart, and no uv."""
    alone = bench.folder / "alone"
    alone.mkdir()
    (alone / "headstart").symlink_to(BIN / "headstart")
    others = (each for each in os.environ["PATH"].split(":") if not (Path(each) / "uv").exists())
    return {"PATH": ":".join((str(alone), *others))}


def contestants(bench: Bench, shop: Path) -> dict[str, Callable[[], None]]:
    """Return every way that is compared, by what is told of it; rivals follow what they rival."""
    venv = (bench.python, "-m", "venv", ".venv")
    pip = (".venv/bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    hashed = ("--require-hashes", "--requirement", "requirements-dev.lock")
    uv_venv = ("uv", "venv", "--quiet", "--python", bench.python, ".venv")
    uv_sync = ("uv", "pip", "sync", "--quiet", "--require-hashes", "requirements-dev.lock")
    stub = shop / ".venv" / "bin" / "headstart-check"
    virtualenv = (BIN / "python", "-m", "virtualenv", "--quiet", "--no-periodic-update")
    exact = ("--python", bench.python, "--pip", PIP, "--no-setuptools", ".venv")
    only_venv = ("--only", "venv")
    return {
        "its own start: headstart --version": lambda: bench.run("headstart", "--version", cwd=shop),
        "nothing to do: headstart up": lambda: bench.run("headstart", "up", cwd=shop),
        "nothing to do: the stub of headstart check": lambda: bench.run(stub, cwd=shop),
        "nothing has changed: headstart doctor": lambda: bench.run("headstart", "doctor", cwd=shop),
        "venv with exact pip: headstart up --only venv, without uv": by_headstart(
            bench, "pip", *only_venv, given=without_uv(bench)
        ),
        "venv with exact pip: virtualenv --pip": by_hand(
            bench, "virtualenv", (*virtualenv, *exact)
        ),
        "venv with exact pip: headstart up --only venv, with uv": by_headstart(
            bench, "uv", *only_venv
        ),
        "venv with exact pip: python -m venv, pip install pip==": by_hand(
            bench, "notes", venv, (*pip, "--upgrade", f"pip=={PIP}")
        ),
        "venv with exact pip: uv venv, uv pip install pip==": by_hand(
            bench, "uv", uv_venv, ("uv", "pip", "install", "--quiet", f"pip=={PIP}")
        ),
        "packages: headstart up, by uv": by_headstart(bench, "uv"),
        "packages: headstart up, by pip": by_headstart(bench, "pip"),
        "packages: uv venv, uv pip sync": by_hand(bench, "sync", uv_venv, uv_sync),
        "packages: python -m venv, pip install": by_hand(bench, "pip", venv, (*pip, *hashed)),
        "packages: poetry install": by_poetry(bench),
        "a missing header: headstart up": without_header(bench),
    }


def main() -> None:
    """Measure, and tell."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        state = folder / "state"
        shop = rendered(folder)
        headstart("up", cwd=shop, state=state)
        headstart("check", cwd=shop, state=state)
        version = (shop / ".python-version").read_text().strip()
        python = pyenv.executable(pyenv.root(os.environ) / "versions" / version, version)
        assert python
        every = contestants(Bench(folder, python, version, shop / "requirements-dev.lock"), shop)
        ways = {what: way for what, way in every.items() if re.search(ROWS, what)}
        for way in ways.values():
            way()
        measures = {what: _measure(way) for what, way in ways.items()}
        for what, seconds in interleaved(measures, ROUNDS, min).items():
            print(f"{seconds:6.2f} CPU-seconds  {what}")
    print(f"load average {os.getloadavg()[0]:.1f}")


def _measure(way: Callable[[], None]) -> Callable[[], float]:
    return lambda: cpu_seconds(way)


if __name__ == "__main__":
    main()
