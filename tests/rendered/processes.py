"""A rendered project's api and worker as real processes, and what is left in its database."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import httpx
from PIL import Image

DEADLINE = 60.0


def wait_until(condition: Callable[[], bool], what: str, seconds: float = DEADLINE) -> None:
    """Wait for `condition`; fail with `what` was waited for."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def picture(side: int = 600) -> bytes:
    """A PNG whose decoding takes longer the longer its side is."""
    target = BytesIO()
    Image.linear_gradient("L").resize((side, side)).convert("RGB").save(target, "PNG")
    return target.getvalue()


@dataclass
class Backend:
    """A rendered project on a database of its own, whose processes can be started and killed."""

    project: Path
    database: Path
    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def python(self) -> str:
        return str(self.project / ".venv/bin/python")

    def start(self, *command: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start `python -m app COMMAND` as the leader of a process group of its own."""
        process = subprocess.Popen(
            [self.python, "-m", "app", *command],
            cwd=self.project,
            env=self.environment | settings,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def start_api(self, **settings: str) -> tuple[subprocess.Popen[bytes], httpx.Client]:
        """Start an api on a free port, and wait until it is ready."""
        port = free_port()
        process = self.start("api", PORT=str(port), **settings)
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        self.clients.append(client)

        def ready() -> bool:
            assert process.poll() is None, "the api has ended"
            try:
                return client.get("/readyz").is_success
            except httpx.TransportError:
                return False

        wait_until(ready, "the api to become ready")
        return process, client

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill -9 the process and every child of its."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop_all(self) -> None:
        for client in self.clients:
            client.close()
        for process in self.processes:
            if process.poll() is None:
                self.kill(process)

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """Read from the database, beside whoever writes."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()

    def count(self, sql: str) -> int:
        return int(str(self.query(sql)[0][0]))

    def count_effects(self) -> None:
        """From now on let the database itself count every thumbnail that is committed."""
        with closing(sqlite3.connect(self.database)) as connection:
            connection.executescript(
                "CREATE TABLE effects (profile_id TEXT);"
                "CREATE TRIGGER count_effects AFTER UPDATE OF thumbnail ON profile_headshots "
                "WHEN new.thumbnail IS NOT NULL "
                "BEGIN INSERT INTO effects VALUES (new.profile_id); END;"
            )

    def wait_for_thumbnails(self, number: int, seconds: float = DEADLINE) -> None:
        sql = "SELECT count(*) FROM profile_headshots WHERE thumbnail IS NOT NULL"
        wait_until(lambda: self.count(sql) == number, f"{number} thumbnails", seconds)

    def assert_each_job_took_effect_once(self, number: int) -> None:
        """Every job is gone, and every profile has had its thumbnail made exactly once."""
        wait_until(lambda: self.count("SELECT count(*) FROM outbox") == 0, "an empty outbox")
        assert self.count("SELECT count(*) FROM effects") == number
        assert self.count("SELECT count(DISTINCT profile_id) FROM effects") == number


def create_profile(client: httpx.Client, number: int) -> str:
    """Create a profile over HTTP and return its path."""
    draft = {
        "employee_number": f"E-{number}",
        "full_name": "Grace Hopper",
        "email": "grace@example.com",
        "department": "Compilers",
    }
    answer = client.post("/v1/profiles", json=draft)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def upload(client: httpx.Client, path: str, data: bytes) -> None:
    answer = client.put(f"{path}/headshot", files={"image": data})
    assert answer.status_code == 202, answer.text


@contextmanager
def running_redis(directory: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a Redis of the test's own and yield its URL."""
    server = shutil.which("redis-server")
    assert server, "these tests need redis-server on PATH"
    port = free_port()
    process = subprocess.Popen(
        [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)],
        stdout=subprocess.DEVNULL,
    )

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(answers, "redis to answer")
        yield f"redis://127.0.0.1:{port}/0", process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait()
