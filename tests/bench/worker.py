"""How fast the rendered worker is: its jobs per CPU-second beside those of bare Dramatiq, Celery
and RQ, and how long an idle one takes to begin a job.

    python -m tests.bench.worker PROJECT [--peers PYTHON] [--database URL] [--jobs N] [--rounds N]

PROJECT is a rendered project that was brought up; PYTHON has celery and rq. Rounds are interleaved
and on one Redis, because only ratios of one run mean anything on a shared machine.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import sub
from pathlib import Path

import redis

from tests.bench.measuring import cpu_of, interleaved
from tests.rendered.servers import running_redis
from tests.waiting import wait_until

HERE = Path(__file__).parent
DRAMATIQ = ["--processes=1", "--threads=8", "--skip-logging"]
CELERY = ["worker", "--pool=threads", "--concurrency=8", "--loglevel=ERROR"]
RQ = ["worker", "--worker-class=rq.SimpleWorker", "--quiet"]


@dataclass(frozen=True)
class Contestant:
    """A worker: how it is run, and how it is given jobs (the job and their number follow)."""

    worker: list[str]
    feed: list[str]


@dataclass
class Bench:
    """One project, one Redis, one database."""

    python: str
    peers: str | None
    project: Path
    environment: dict[str, str]
    client: redis.Redis

    @contextmanager
    def worker(self, contestant: Contestant) -> Iterator[int]:
        """Run a worker; yield its pid."""
        process = subprocess.Popen(contestant.worker, cwd=self.project, env=self.environment)
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(60)

    def run(self, command: list[str], job: str, number: int) -> None:
        """Run a program that sends jobs."""
        command = [*command, job, str(number)]
        subprocess.run(command, cwd=self.project, env=self.environment, check=True)

    def cost(self, contestant: Contestant, job: str, number: int) -> float:
        """Return the milliseconds of its own CPU that a worker needs for one job."""
        self.client.flushall()
        self.run(contestant.feed, job, number)
        with self.worker(contestant) as pid:
            wait_until(lambda: self._done() >= number // 10, "the worker to start")
            first, before = self._done(), cpu_of(pid)
            wait_until(lambda: self._done() >= number, "every job", 600)
            return (cpu_of(pid) - before) / (number - first) * 1000

    def latency(self, number: int) -> list[float]:
        """Return the milliseconds from a job's commit to its start, on an idle worker."""
        self.client.flushall()
        send = [self.python, str(HERE / "jobs.py"), "latency"]
        with self.worker(self.contestants()["headstart"]):
            self.run(send, "started", 3)  # the first ones connect
            self.client.delete("bench:started", "bench:committed")
            self.run(send, "started", number)
            return sorted(map(sub, self._times("bench:started"), self._times("bench:committed")))

    def contestants(self) -> dict[str, Contestant]:
        """Return who can be measured here; the first is what the others are compared with."""
        dramatiq, jobs = [self.python, "-m", "dramatiq"], [self.python, str(HERE / "jobs.py")]
        found = {
            "bare Dramatiq": Contestant([*dramatiq, "jobs:bare", *DRAMATIQ], [*jobs, "feed-bare"]),
            "headstart": Contestant([*dramatiq, "jobs:boot", *DRAMATIQ], [*jobs, "feed"]),
        }
        if self.peers is not None:
            feed = [self.peers, str(HERE / "peers.py")]
            celery = [self.peers, "-m", "celery", "-A", "peers", *CELERY]
            rq = [self.peers, "-m", "rq.cli", *RQ, "--url", self.environment["REDIS_URL"]]
            found["Celery, threads"] = Contestant(celery, [*feed, "celery"])
            found["RQ, no fork"] = Contestant(rq, [*feed, "rq"])
        return found

    def _times(self, key: str) -> list[float]:
        return [float(seconds) * 1000 for seconds in self.client.lrange(key, 0, -1)]

    def _done(self) -> int:
        return int(self.client.get("bench:done") or 0)


def main() -> None:
    """Measure, and print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--database", help="the URL of an empty database (default: a SQLite file)")
    parser.add_argument("--python", help="the interpreter (default: the project's .venv)")
    parser.add_argument("--peers", help="an interpreter that has celery and rq")
    parser.add_argument("--jobs", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--starts", type=int, default=20)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    with running_redis(folder) as (url, _):
        bench = _bench(arguments, folder, url)
        alembic = [bench.python, "-m", "alembic", "upgrade", "head"]
        subprocess.run(alembic, cwd=bench.project, env=bench.environment, check=True)
        for job in ("nothing", "ten_ms") if arguments.rounds else ():
            _report(bench, job, arguments.jobs, arguments.rounds)
        if arguments.starts:
            _report_latency(bench.latency(arguments.starts))


def _bench(arguments: argparse.Namespace, folder: Path, redis_url: str) -> Bench:
    project = arguments.project.resolve()
    environment = os.environ | {
        "DATABASE_URL": arguments.database or f"sqlite:///{folder}/bench.db",
        "REDIS_URL": redis_url,
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": f"{project}:{HERE}",
    }
    python = arguments.python or str(project / ".venv/bin/python")
    return Bench(python, arguments.peers, project, environment, redis.Redis.from_url(redis_url))


def _report(bench: Bench, job: str, number: int, rounds: int) -> None:
    """Print what one job costs each of them, and its ratio to the first."""

    def measure(contestant: Contestant) -> Callable[[], float]:
        return lambda: bench.cost(contestant, job, number)

    measures = {name: measure(each) for name, each in bench.contestants().items()}
    costs = interleaved(measures, rounds)
    limit = next(iter(costs.values()))
    for name, cost in costs.items():
        print(f"{job:8} {name:16} {cost:6.2f} ms  {1000 / cost:6.0f} /s  {limit / cost:5.2f}")


def _report_latency(milliseconds: list[float]) -> None:
    p50, p90 = milliseconds[len(milliseconds) // 2], milliseconds[len(milliseconds) * 9 // 10]
    print(f"idle to start: p50 {p50:.1f} ms, p90 {p90:.1f}, max {milliseconds[-1]:.1f}")


if __name__ == "__main__":
    main()
