"""What goes into the image, and that each of its commands does what the files around it say."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.conftest import rendered
from tests.rendered.conftest import copied
from tests.rendered.gates import run
from tests.rendered.matrix import only
from tests.rendered.servers import free_port, running_redis
from tests.rendered.tools import findings, hadolint, of_schema, yamllint
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

COMPOSE = "vendor.compose-spec"
DATABASES = ("sqlite", "postgresql", "mysql")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return rendered(tmp_path, *only("container"))


@pytest.mark.parametrize("database", DATABASES)
def test_the_tools_of_the_field_find_nothing(tmp_path: Path, database: str) -> None:
    shop = rendered(tmp_path, *only("container"), f"database={database}")
    assert findings(hadolint(shop / "Dockerfile")) == ""
    for name in ("compose.yaml", "compose.app.yaml"):
        assert findings(of_schema(COMPOSE, shop / name)) == ""
        assert findings(yamllint(shop / name)) == ""
    main = yaml.safe_load((shop / "compose.app.yaml").read_text("utf-8"))
    servers = yaml.safe_load((shop / "compose.yaml").read_text("utf-8"))["services"]
    assert servers.keys() >= {"redis"} | ({"database"} if database != "sqlite" else set())
    waited_for = {name for each in main["services"].values() for name in each.get("depends_on", ())}
    assert waited_for <= servers.keys() | main["services"].keys()
    ports = [port for each in main["services"].values() for port in each.get("ports", ())]
    assert [port.rpartition(":")[2] for port in ports] == ["8080"]
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize(
    ("name", "right", "wrong", "told"),
    [
        ("Dockerfile", "FROM ${PYTHON_IMAGE} AS build", "FROM python", "DL3006"),
        ("Dockerfile", 'CMD ["python", "-m", "app", "api"]', "CMD python -m app api", "DL3025"),
        ("Dockerfile", "USER 10001:10001", "USER root", "DL3002"),
        ("compose.app.yaml", "read_only: true", "readonly: true", "readonly"),
        ("compose.app.yaml", "command:", "comand:", "comand"),
    ],
)
def test_a_fault_that_is_planted_is_found(
    shop: Path, name: str, right: str, wrong: str, told: str
) -> None:
    path = shop / name
    text = path.read_text("utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong), "utf-8")
    assert told in findings(hadolint(path) if name == "Dockerfile" else of_schema(COMPOSE, path))


def test_only_what_the_image_is_made_of_reaches_the_build(shop: Path) -> None:
    """Each source of a COPY is let in by the ignore file, and nothing else is."""
    dockerfile = (shop / "Dockerfile").read_text("utf-8")
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", dockerfile, re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    let_in = re.findall(r"^!(.*?)/?$", (shop / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    assert sources == set(let_in)
    assert all((shop / source).exists() for source in sources)


def test_the_image_is_built_with_its_version_and_commit(shop: Path, tmp_path: Path) -> None:
    """Docker stands aside: what it is asked for is what is told."""
    log = tmp_path / "asked"
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {log}\n')
    docker.chmod(0o755)
    command = ["make", "--silent", "image", f"DOCKER={docker}"]
    subprocess.run(command, cwd=shop, check=True)
    commit = run(["git", "rev-parse", "HEAD"], shop).strip()
    asked = log.read_text().split()
    assert {"VERSION=0.1.0", f"REVISION={commit}", "shop:0.1.0"} <= set(asked)
    (shop / "README.md").write_text("changed")
    subprocess.run(command, cwd=shop, check=True)
    assert f"REVISION={commit}-dirty" in log.read_text().split()


@dataclass
class Composed:
    """The services of `compose.app.yaml` as processes: commands, settings, health checks."""

    root: Path
    python: Path
    here: Mapping[str, str]
    services: Mapping[str, Any]
    dockerfile: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, name: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start a service as compose would, in the image's folder and environment."""
        command = self.services[name].get("command") or self._instruction("CMD")
        process = subprocess.Popen(
            [str(self.python), *command[1:]],
            cwd=self.root,
            env=self.environment(name) | settings,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def environment(self, name: str) -> dict[str, str]:
        image = dict(re.findall(r"\b([A-Z_]+)=(\S+)", self._env()))
        told = {**image, **self.services[name]["environment"], **self.here}
        assert all(isinstance(value, str) for value in told.values())
        return {"PATH": os.environ["PATH"], "SECRET_KEY": "s" * 32} | told

    def is_healthy(self, name: str, **settings: str) -> bool:
        """What the image's HEALTHCHECK says of a service."""
        check = self._instruction("HEALTHCHECK .* CMD")
        command = [str(self.python), *check[1:]]
        environment = self.environment(name) | settings
        return not subprocess.run(
            command, cwd=self.root, env=environment, stderr=subprocess.DEVNULL, check=False
        ).returncode

    def _instruction(self, name: str) -> list[str]:
        (found,) = re.findall(rf"^{name} (\[.*\])$", self.dockerfile, re.MULTILINE)
        words: list[str] = json.loads(found)
        assert words[0] == "python"
        return words

    def _env(self) -> str:
        return self.dockerfile.rpartition("\nENV ")[2].partition("\nUSER")[0]

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture
def composed(everything: Path, tmp_path: Path) -> Iterator[Composed]:
    """What the image holds, in a folder of its own, with a database and a Redis of this machine."""
    shop = rendered(tmp_path, *only("container"))
    dockerfile = (shop / "Dockerfile").read_text("utf-8")
    parts = ("alembic.ini", "pyproject.toml", "app", "migrate")
    root = copied(shop, tmp_path / "image", *parts)
    (root / "var").mkdir()
    services = yaml.safe_load((shop / "compose.app.yaml").read_text("utf-8"))["services"]
    python = everything / ".venv/bin/python"
    with running_redis(tmp_path) as (redis, _):
        here = {"REDIS_URL": redis, "PORT": str(free_port()), "HOST": "127.0.0.1"}
        made = Composed(root, python, here, services, dockerfile)
        try:
            yield made
        finally:
            made.end()


def test_each_service_of_compose_runs_is_healthy_and_drains(composed: Composed) -> None:
    assert not composed.is_healthy("api")
    assert composed.run("migrate").wait() == 0
    api, worker = composed.run("api", REQUEST_GRACE="PT1S"), composed.run("worker")
    wait_until(lambda: composed.is_healthy("api"), "the api to be healthy")
    url = f"http://127.0.0.1:{composed.here['PORT']}"
    assert httpx.get(f"{url}/readyz").json()["status"] == "ok"
    # Its body never comes: it is cut off after its grace, and holds nobody up.
    with socket.create_connection(("127.0.0.1", int(composed.here["PORT"]))) as slow:
        slow.sendall(b"POST /v1/profiles HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        for process in (api, worker):
            process.send_signal(signal.SIGTERM)
        # uvicorn ends by the signal that ended it; where it is process 1 that is a 0 too.
        assert (api.wait(), worker.wait()) == (-signal.SIGTERM, 0)
    assert not composed.is_healthy("api")


def test_without_settings_it_refuses_to_start(composed: Composed) -> None:
    """The image is production's: the secrets of the example are refused."""
    environment = composed.environment("migrate") | {"SECRET_KEY": "change-me"}
    command = shlex.split("-m app api")
    done = subprocess.run(
        [composed.python, *command],
        cwd=composed.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "SECRET_KEY must be a secret of 32 characters in production" in done.stderr
    assert sys.platform != "linux" or not list((composed.root / "var").iterdir())
