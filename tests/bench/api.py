"""What an answer of the rendered api costs, beside raw asyncpg and a plain ORM: `make bench`.

CPU of the server's process tree for one request, without PostgreSQL's own; one run, interleaved.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tests.bench.measuring import cpu_per_request, interleaved
from tests.conftest import headstart
from tests.rendered.processes import Backend, draft_of
from tests.rendered.servers import free_port, listens, running_postgresql, wait_until

HERE = Path(__file__).parent
ROUNDS, REQUESTS = 7, 600
NUMBERS = count()


@dataclass
class Served:
    """A server under test."""

    pid: int
    port: int


def main() -> None:
    """Print a table of CPU milliseconds, and of ratios to what is printed first."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server = stack.enter_context(running_postgresql())
        backend = prepare(folder, server.new_database())
        stack.callback(backend.stop_all)
        served = {
            "raw asyncpg + FastAPI": stack.enter_context(contestant(backend, "asyncpg")),
            "headstart": ours(backend),
            "plain async ORM": stack.enter_context(contestant(backend, "orm")),
        }
        key = fill(served["headstart"])
        require_the_same_bytes(served, ["/v1/profiles", f"/v1/profiles/{key}"])
        report("list of 20", served, lambda: [request("GET", "/v1/profiles")] * REQUESTS)
        report("get", served, lambda: [request("GET", f"/v1/profiles/{key}")] * REQUESTS)
        report("create", served, creations)


def prepare(folder: Path, url: str) -> Backend:
    """Render and build a project (or take the one that PROJECT names), and migrate its database."""
    project = Path(os.environ.get("PROJECT") or folder / "bench")
    if not project.exists():
        headstart("new", "bench", "--defaults", cwd=folder, state=folder / "state")
        headstart("up", cwd=project, state=folder / "state")
    settings = {"DATABASE_URL": url, "LOG_LEVEL": "WARNING", "SECRET_KEY": "change-me"}
    environment = os.environ | settings
    backend = Backend(project, url, environment)
    backend.run("-m", "alembic", "upgrade", "head")
    return backend


def ours(backend: Backend) -> Served:
    process, client = backend.start_api()
    return Served(process.pid, client.base_url.port or 0)


@contextmanager
def contestant(backend: Backend, way: str) -> Iterator[Served]:
    port = free_port()
    command = [backend.python, str(HERE / "contestants.py"), way, str(port), backend.url]
    environment = backend.environment | {"PYTHONPATH": str(backend.project)}
    process = subprocess.Popen(command, cwd=backend.project, env=environment)
    try:
        wait_until(lambda: listens(port), way)
        yield Served(process.pid, port)
    finally:
        process.terminate()
        process.wait()


def fill(served: Served) -> str:
    """Create a thousand profiles; return the id of one."""
    with httpx.Client(base_url=f"http://127.0.0.1:{served.port}") as client:
        for _ in range(1000):
            answer = client.post("/v1/profiles", json=draft_of(f"B-{next(NUMBERS)}"))
        return str(answer.raise_for_status().json()["data"]["id"])


def require_the_same_bytes(served: dict[str, Served], paths: list[str]) -> None:
    for path in paths:
        answers = {httpx.get(f"http://127.0.0.1:{one.port}{path}").text for one in served.values()}
        if len(answers) != 1:
            sys.exit(f"they answer {path} differently, so they cannot be compared")


def report(what: str, served: dict[str, Served], requests: Callable[[], list[bytes]]) -> None:
    """Measure each in turn and print what one request costs, and its ratio to the first."""

    def measure(one: Served) -> Callable[[], float]:
        return lambda: cpu_per_request(one.pid, one.port, requests())

    costs = interleaved({name: measure(one) for name, one in served.items()}, ROUNDS)
    limit = next(iter(costs.values()))
    for name, cost in costs.items():
        print(f"{what:12} {name:24} {cost:6.2f} ms  {1000 / cost:6.0f} /s  {limit / cost:5.2f}")


def creations() -> list[bytes]:
    return [
        request("POST", "/v1/profiles", draft_of(f"B-{next(NUMBERS)}")) for _ in range(REQUESTS)
    ]


def request(method: str, path: str, body: dict[str, str] | None = None) -> bytes:
    payload = json.dumps(body).encode() if body else b""
    head = f"{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(payload)}\r\n\r\n".encode() + payload


if __name__ == "__main__":
    main()
