"""Package indexes on this machine, private and public ones, with real packages in them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx

from tests.conftest import package_index
from tests.rendered.servers import free_port
from tests.shared import shared
from tests.waiting import wait_until

USER = "team"
PASSWORD = 'geh"eim\\ s3cr3t'
LOGIN = {"UV_INDEX_SHARED_USERNAME": USER, "UV_INDEX_SHARED_PASSWORD": PASSWORD}
WRONG = {**LOGIN, "UV_INDEX_SHARED_PASSWORD": "guessed"}
_PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "{version}"
requires-python = ">=3.8"
dependencies = {needs}
"""


@dataclass(frozen=True)
class Index:
    """A server of the packages in a folder; `simple` is its address as pip has it."""

    folder: Path
    simple: str

    def add(self, name: str, version: str, whose: str, kind: Literal["wheel", "sdist"]) -> None:
        """Upload a package whose module says whose it is."""
        made = shared(
            ("package", name, version, whose, kind),
            lambda folder: _build(folder, name, version, whose, kind),
        )
        for file in (made / "dist").iterdir():
            (self.folder / file.name).write_bytes(file.read_bytes())


def _build(folder: Path, name: str, version: str, whose: str, kind: str) -> None:
    module = name.replace("-", "_")
    (folder / "src" / module).mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        _PYPROJECT.format(name=name, version=version, needs="[]")
    )
    (folder / "src" / module / "__init__.py").write_text(f'WHOSE = "{whose}"\n')
    build = [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", "dist"]
    subprocess.run(build, cwd=folder, check=True, capture_output=True)


@contextmanager
def served(folder: Path, *options: str) -> Iterator[Index]:
    """A real pypiserver of that folder."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", "pypiserver", "run", "--interface", "127.0.0.1"]
    command += ["--port", str(port), "--backend", "simple-dir", *options, str(folder)]
    with Path(f"{folder}.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(port), "the index to answer")
        yield Index(folder, f"http://127.0.0.1:{port}/simple")
    finally:
        server.kill()
        server.wait()


@contextmanager
def private(folder: Path) -> Iterator[Index]:
    """An index that asks for a password before it shows anything."""
    file = Path(f"{folder}.htpasswd")
    digest = b64encode(hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).digest()).decode()
    file.write_text(f"{USER}:{{SHA}}{digest}\n")
    words = ("--passwords", str(file), "--authenticate", "download,list,update")
    with served(folder, *words) as index:
        yield index


@contextmanager
def public(folder: Path) -> Iterator[Index]:
    """An index that everybody reads and writes; what it has not, the usual one is asked for."""
    words = ("--passwords", ".", "--authenticate", ".", "--fallback-url", package_index())
    with served(folder, *words) as index:
        yield index


def asking(usual: Index, caches: Path) -> dict[str, str]:
    """The environment in which that index is everybody's usual one, and nothing is remembered."""
    return {
        "PIP_INDEX_URL": usual.simple,
        "UV_DEFAULT_INDEX": usual.simple,
        "PIP_NO_CACHE_DIR": "1",
        "UV_CACHE_DIR": str(caches),
    }


def telling(secret: str, *folders: Path) -> list[Path]:
    """The files with that secret in them."""
    found = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [path for path in found if secret.encode() in path.read_bytes()]


def command_lines() -> Mapping[str, str]:
    """What each process of this machine was started with, as anybody here can read it."""
    found = {}
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                found[process.name] = (
                    (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                )
            except OSError:
                continue  # it has ended meanwhile
    return found


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code > 0
    except httpx.TransportError:
        return False
