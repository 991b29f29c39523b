"""The image itself, built from the Dockerfile and run from its root as an orchestrator runs it.

No registry is asked: the base is a Debian with its own Python, made here. buildah builds where no
daemon runs, and a container is what the kernel gives: namespaces, a read-only root, nobody's user.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import rendered, unavailable
from tests.rendered.gates import run
from tests.rendered.matrix import only
from tests.rendered.servers import free_port
from tests.waiting import LONG, wait_until

# Two minutes, most of which is a Debian.
pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.xdist_group("image")]

PACKAGES = "python3,python3-venv,python3-pip,python-is-python3,ca-certificates"
BASE = "localhost/headstart-tests/python"
IMAGE = "localhost/headstart-tests/shop"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Its own mounts and processes; all is read-only but /tmp and the volume for the database's file.
CONTAINED = """
set -eu
root=$1; shift
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --bind "$DATA" "$root/app/var"
mount -t proc proc "$root/proc"
unset DATA
exec chroot --userspec=10001:10001 "$root" /usr/bin/env --chdir=/app "$@"
"""


def quiet(*command: str | Path, cwd: Path | None = None) -> str:
    return run(list(map(str, command)), cwd or Path.cwd()).strip()


@dataclass
class Image:
    """A built image: what it says of itself, and its root to be run from."""

    inspected: Mapping[str, Any]
    root: Path
    data: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def config(self) -> Mapping[str, Any]:
        config: Mapping[str, Any] = self.inspected["Docker"]["config"]
        return config

    def start(self, command: Sequence[str] = (), **settings: str) -> subprocess.Popen[str]:
        """Start the image's command, or another, as process 1."""
        environment = dict(each.split("=", 1) for each in self.config["Env"]) | settings
        isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", CONTAINED]
        process = subprocess.Popen(
            [*isolated, "sh", str(self.root), *(command or self.config["Cmd"])],
            env=environment | {"DATA": str(self.data)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.processes.append(process)
        return process

    def run(self, *command: str, **settings: str) -> tuple[int, str]:
        process = self.start(command, **settings)
        told, _ = process.communicate(timeout=LONG)
        return process.returncode, told

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build the image; yield the root of a container of it."""
    for tool in ("buildah", "mmdebstrap"):
        if shutil.which(tool) is None or os.getuid() != 0:
            unavailable(f"{tool}, and to be root")
    folder = tmp_path_factory.mktemp("image")
    shop = rendered(folder, *only("container"), "python_version=3.11.7")
    base = folder / "base.tar"
    quiet(
        *("mmdebstrap", "--variant=minbase", "--mode=root", f"--include={PACKAGES}"),
        *("bookworm", base),
    )
    scratch = quiet("buildah", "from", "scratch")
    quiet("buildah", "add", "-q", scratch, base, "/")
    told = ("--env", f"PATH={PATH}", "--env", "PIP_BREAK_SYSTEM_PACKAGES=1")
    quiet("buildah", "config", *told, scratch)
    quiet("buildah", "commit", "-q", "--rm", scratch, BASE)
    base.unlink()
    settings = folder / "pip.conf"
    asked = quiet(sys.executable, "-m", "pip", "config", "list")
    values = dict(line.split("=", 1) for line in asked.splitlines())
    index = {name: value for name, value in values.items() if name.endswith("index-url")}
    lines = (f"{name.rpartition('.')[2]} = {value[1:-1]}\n" for name, value in index.items())
    settings.write_text("[global]\n" + "".join(lines))
    quiet(
        *("buildah", "bud", "--pull-never", "--network", "host", "--isolation", "chroot"),
        *("--format", "docker", "--build-arg", f"PYTHON_IMAGE={BASE}"),
        *("--build-arg", "VERSION=1.2.3", "--build-arg", "REVISION=abc"),
        *("-v", "/etc/ssl/certs:/etc/ssl/certs:ro", "-v", f"{settings}:/etc/pip.conf:ro"),
        *("-t", IMAGE, "."),
        cwd=shop,
    )
    container = quiet("buildah", "from", "--pull-never", IMAGE)
    try:
        yield Path(quiet("buildah", "mount", container))
    finally:
        quiet("buildah", "rm", container)
        quiet("buildah", "rmi", IMAGE, BASE)


@pytest.fixture
def image(built: Path, tmp_path: Path) -> Iterator[Image]:
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 10001, 10001)
    inspected = json.loads(quiet("buildah", "inspect", "--type", "image", IMAGE))
    image = Image(inspected, built, data)
    yield image
    image.end()


def test_it_says_what_it_is_and_holds_no_more_than_it_needs(image: Image) -> None:
    config = image.config
    assert config["User"] == "10001:10001"
    assert list(config["ExposedPorts"]) == ["8080/tcp"]
    assert config["StopSignal"] == "SIGTERM"
    labels = {name.rpartition(".")[2]: value for name, value in config["Labels"].items()}
    assert (labels["title"], labels["version"], labels["revision"]) == ("shop", "1.2.3", "abc")
    app = {path.name for path in (image.root / "app").iterdir()}
    assert app == {"alembic.ini", "pyproject.toml", "app", "migrate", "var"}
    packages = {
        path.name.partition("-")[0] for path in image.root.glob("opt/venv/lib/*/*/*.dist-info")
    }
    assert "fastapi" in packages
    assert packages & {"pip", "pytest", "mypy", "ruff"} == set()
    owners = {path.stat().st_uid for path in (image.root / "app").rglob("*") if path.name != "var"}
    assert owners == {0}


def test_it_runs_as_nobody_on_a_root_that_cannot_be_written_is_healthy_and_drains(
    image: Image,
) -> None:
    assert image.run("id", "-u") == (0, "10001\n")
    assert image.run("touch", "/app/app/x")[0] != 0
    assert image.run("touch", "/tmp/x")[0] == 0  # noqa: S108 - in the container
    code, told = image.run("python", "-m", "app", "api")
    assert code != 0
    assert "SECRET_KEY must be a secret" in told
    settings = {"SECRET_KEY": "s" * 32, "REQUEST_GRACE": "PT1S", "PORT": str(free_port())}
    assert image.run("python", "-m", "migrate", "upgrade", **settings)[0] == 0
    api = image.start(**settings)
    check = image.config["Healthcheck"]["Test"][1:]
    wait_until(lambda: image.run(*check, **settings)[0] == 0, "the container to be healthy")
    port = int(settings["PORT"])
    created = {"employee_number": "1", "name": "A", "email": "a@example.com", "department": "B"}
    answer = httpx.post(f"http://127.0.0.1:{port}/v1/profiles", json=created, timeout=LONG)
    assert answer.status_code < 500, answer.text
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(b"POST /v1/profiles HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        first = quiet("pgrep", "--parent", str(api.pid))
        os.kill(int(first), signal.SIGTERM)
        told, _ = api.communicate(timeout=LONG)
    assert "Application shutdown complete." in told
    assert all(json.loads(line) for line in told.splitlines())
    assert image.run(*check, **settings)[0] != 0
