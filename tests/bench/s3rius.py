"""The peer: what `fastapi_template` (s3rius) renders, served as it ships, on the same PostgreSQL.

Its own example is two columns in one table; it is measured as it is, access log and all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import sqlalchemy as sa

from tests.bench.served import Served, request
from tests.rendered.servers import free_port, listens
from tests.waiting import wait_until

LIST = "/api/dummy/?limit=20"
CREATE = "/api/dummy/"

CHOICES = (
    "--api-type rest --db postgresql --orm sqlalchemy --ci none --migrations --dummy --routers"
)


def render(folder: Path, python: Path) -> Path:
    """Render it by the generator that `python` has; return its folder."""
    generator = [str(python.parent / "fastapi_template"), "-n", "peer", "--quiet", "--force"]
    # It wants uv on PATH, and says nothing with its exit code where there is none.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [*generator, *CHOICES.split()]
    done = subprocess.run(
        command, cwd=folder, check=True, capture_output=True, env=os.environ | {"PATH": path}
    )
    assert (folder / "peer/pyproject.toml").is_file(), done.stdout
    return folder / "peer"


@contextmanager
def peer(folder: Path, url: str) -> Iterator[Served]:
    """Migrate its database, serve it, and fill it with a page of rows."""
    port, python = free_port(), str(folder / ".venv/bin/python")
    environment = os.environ | _settings(folder.name, sa.make_url(url), port)
    migrate = [python, "-m", "alembic", "upgrade", "head"]
    subprocess.run(migrate, cwd=folder, env=environment, check=True)
    process = subprocess.Popen(
        [python, "-m", folder.name],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: listens(port), "the peer")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            for number in range(30):
                client.put(CREATE, json={"name": f"dummy {number}"}).raise_for_status()
        yield Served(process.pid, port)
    finally:
        process.terminate()
        process.wait()


def _settings(name: str, url: sa.URL, port: int) -> dict[str, str]:
    settings = {
        "PORT": str(port),
        "DB_HOST": str(url.host),
        "DB_PORT": str(url.port),
        "DB_USER": str(url.username),
        "DB_BASE": str(url.database),
        "RELOAD": "False",
    }
    return {f"{name.upper()}_{key}": value for key, value in settings.items()}


def listing(number: int) -> list[bytes]:
    """Return requests for its list."""
    return [request("GET", LIST)] * number


def creations(number: int) -> list[bytes]:
    """Return requests that create."""
    return [request("PUT", CREATE, {"name": "a dummy"})] * number
