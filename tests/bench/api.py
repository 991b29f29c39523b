"""What an answer of the rendered api costs, beside raw asyncpg and a plain ORM: `make bench`.

    [PROJECT=folder] [PEER=folder] [ROUNDS=7] python -m tests.bench.api

CPU of the server's process tree for one request, without PostgreSQL's own; one run, interleaved.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tests.bench import s3rius
from tests.bench.measuring import cpu_per_request, cpu_seconds, interleaved
from tests.bench.served import Served, request
from tests.conftest import headstart
from tests.rendered.processes import Backend, draft_of
from tests.rendered.servers import (
    free_port,
    listens,
    running_postgresql,
    running_redis,
)
from tests.waiting import wait_until

HERE = Path(__file__).parent
ROUNDS = int(os.environ.get("ROUNDS", "7"))
REQUESTS = 600
CONTESTANTS = {
    "raw asyncpg + FastAPI": "asyncpg",
    "headstart": "headstart",
    "plain async ORM": "orm",
}
NUMBERS = count()


Runs = dict[str, tuple[Served, Callable[[], list[bytes]]]]


def main() -> None:
    """Print a table of CPU milliseconds, and of ratios to what is printed first."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server = stack.enter_context(running_postgresql())
        redis_url, _ = stack.enter_context(running_redis(folder))
        backend = prepare(folder, server.new_database(), redis_url)
        served = {
            name: stack.enter_context(contestant(backend, way)) for name, way in CONTESTANTS.items()
        }
        key = fill(served["headstart"])
        require_the_same_bytes(served, ["/v1/profiles", f"/v1/profiles/{key}"])
        gets = [request("GET", f"/v1/profiles/{key}")] * REQUESTS
        report("list of 20", alike(served, listing), goal=0.75)
        report("get", alike(served, lambda: gets), goal=0.7)
        report("create", alike(served, lambda: creations("/v1/profiles")), goal=0.65)
        ours = served["headstart"]
        report_what_a_job_adds(served["raw asyncpg + FastAPI"], ours)
        report_import(backend)
        if "PEER" in os.environ:
            folder = Path(os.environ["PEER"])
            report_peer(ours, stack.enter_context(s3rius.peer(folder, server.new_database())))


def alike(served: dict[str, Served], requests: Callable[[], list[bytes]]) -> Runs:
    """Send the same to all of them."""
    return {name: (one, requests) for name, one in served.items()}


def report_peer(ours: Served, peer: Served) -> None:
    """Measure the peer's own example beside ours."""
    lists: Runs = {"s3rius": (peer, lambda: s3rius.listing(REQUESTS)), "headstart": (ours, listing)}
    report("list of 20", lists, goal=3.3)
    creating = (peer, lambda: s3rius.creations(REQUESTS))
    report("create", {"s3rius": creating, "headstart": (ours, lambda: creations("/v1/profiles"))})


def prepare(folder: Path, url: str, redis_url: str) -> Backend:
    """Render and build a project (or take the one that PROJECT names), and migrate its database."""
    project = Path(os.environ.get("PROJECT") or folder / "bench")
    if not project.exists():
        headstart("new", "bench", "--defaults", cwd=folder, state=folder / "state")
        headstart("up", cwd=project, state=folder / "state")
    settings = {"DATABASE_URL": url, "REDIS_URL": redis_url, "SECRET_KEY": "change-me"}
    # As in production: a line for each request.
    environment = os.environ | settings | {"LOG_LEVEL": "INFO", "LOG_FORMAT": "json"}
    backend = Backend(project, url, environment)
    upgrade = [backend.python, "-m", "alembic", "upgrade", "head"]
    subprocess.run(upgrade, cwd=project, env=environment, stderr=subprocess.DEVNULL, check=True)
    return backend


@contextmanager
def contestant(backend: Backend, way: str) -> Iterator[Served]:
    port = free_port()
    command = [backend.python, str(HERE / "contestants.py"), way, str(port), backend.url]
    environment = backend.environment | {"PYTHONPATH": str(backend.project)}
    process = subprocess.Popen(
        command, cwd=backend.project, env=environment, stderr=subprocess.DEVNULL
    )
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


def report(what: str, runs: Runs, goal: float | None = None) -> None:
    """Measure each in turn and print what one request costs, and its ratio to the first.

    `goal` is the least that is wanted of ours.
    """
    costs = measured(runs)
    limit = next(iter(costs.values()))
    for name, cost in costs.items():
        ratio = limit / cost
        wanted = verdict(goal, is_met=ratio >= goal) if goal and name == "headstart" else ""
        per_second = f"{1000 / cost:6.0f} /s"
        print(f"{what:12} {name:24} {cost:6.2f} ms  {per_second}  {ratio:5.2f}{wanted}")


def measured(runs: Runs) -> dict[str, float]:
    """Return the CPU milliseconds of one request to each."""

    def measure(one: Served, requests: Callable[[], list[bytes]]) -> Callable[[], float]:
        return lambda: cpu_per_request(one.pid, one.port, requests())

    return interleaved({name: measure(*run) for name, run in runs.items()}, ROUNDS)


def verdict(goal: float, *, is_met: bool) -> str:
    return f"  goal {goal} {'✔' if is_met else '✘'}"


def listing() -> list[bytes]:
    return [request("GET", "/v1/profiles")] * REQUESTS


def report_what_a_job_adds(raw: Served, ours: Served) -> None:
    """Measure a creation that also asks for a job, sent to Redis, beside those that do not."""

    def create() -> list[bytes]:
        return creations("/v1/profiles")

    runs: Runs = {
        "raw": (raw, create),
        "without": (ours, create),
        "with": (ours, lambda: creations("/v1/profiles-with-job")),
    }
    costs = measured(runs)
    of_raw, of_create = costs["raw"] / costs["with"], costs["with"] / costs["without"]
    print(f"create with a job: {costs['with']:.2f} ms")
    print(f"  {of_raw:.2f} of a raw create{verdict(0.55, is_met=of_raw >= 0.55)}")
    print(f"  {of_create:.2f} times one without{verdict(1.3, is_met=of_create <= 1.3)}")


def report_import(backend: Backend) -> None:
    """Measure what the api costs before it serves anything."""
    command = [backend.python, "-c", "import app.main"]
    run = partial(subprocess.run, command, cwd=backend.project, env=backend.environment, check=True)
    (cost,) = interleaved({"import": lambda: cpu_seconds(run)}, ROUNDS).values()
    print(f"import app.main: {cost:.2f} CPU-seconds{verdict(1.0, is_met=cost <= 1.0)}")


def creations(path: str) -> list[bytes]:
    return [request("POST", path, draft_of(f"B-{next(NUMBERS)}")) for _ in range(REQUESTS)]


if __name__ == "__main__":
    main()
