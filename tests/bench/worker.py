"""How fast the rendered worker is: its no-op jobs per CPU-second beside bare Dramatiq's, and how
long an idle one takes to begin a job.

    python -m tests.bench.worker PROJECT [--database URL] [--jobs N] [--rounds N]

PROJECT is a rendered project that was brought up. Rounds are interleaved and on one Redis, because
only ratios of one run mean anything on a shared machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import sub
from pathlib import Path

import redis

from tests.rendered.servers import running_redis, wait_until

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Bench:
    """One project, one Redis, one database."""

    python: str
    project: Path
    environment: dict[str, str]
    client: redis.Redis

    @contextmanager
    def worker(self, entry: str) -> Iterator[int]:
        """Run a worker of one process with eight threads; yield its pid."""
        command = ["-m", "dramatiq", f"jobs:{entry}", "--processes=1", "--threads=8"]
        process = subprocess.Popen(
            [self.python, *command, "--skip-logging"], cwd=self.project, env=self.environment
        )
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(60)

    def run(self, *arguments: str) -> None:
        """Run one of the programs of `jobs.py`."""
        script = str(HERE / "jobs.py")
        command = [self.python, script, *arguments]
        subprocess.run(command, cwd=self.project, env=self.environment, check=True)

    def throughput(self, entry: str, feed: str, jobs: int) -> float:
        """Return the jobs that a worker does per second of its own CPU time."""
        self.client.flushall()
        self.run(feed, str(jobs))
        with self.worker(entry) as pid:
            wait_until(lambda: self._done() >= jobs // 10, "the worker to start")
            first, before = self._done(), cpu_seconds(pid)
            wait_until(lambda: self._done() >= jobs, "every job", 600)
            return (jobs - first) / (cpu_seconds(pid) - before)

    def latency(self, number: int) -> list[float]:
        """Return the milliseconds from a job's commit to its start, on an idle worker."""
        self.client.flushall()
        with self.worker("boot"):
            self.run("latency", "3")  # the first ones connect
            self.client.delete("bench:started", "bench:committed")
            self.run("latency", str(number))
            return sorted(map(sub, self._times("bench:started"), self._times("bench:committed")))

    def _times(self, key: str) -> list[float]:
        return [float(seconds) * 1000 for seconds in self.client.lrange(key, 0, -1)]

    def _done(self) -> int:
        return int(self.client.get("bench:done") or 0)


def cpu_seconds(pid: int) -> float:
    """Return what a process and its children that live have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = (int(fields[11]) + int(fields[12])) / TICKS
    return own + sum(cpu_seconds(int(child)) for child in children)


def main() -> None:
    """Measure, and print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--database", help="the URL of an empty database (default: a SQLite file)")
    parser.add_argument("--python", help="the interpreter (default: the project's .venv)")
    parser.add_argument("--jobs", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--starts", type=int, default=20)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    with running_redis(folder) as (url, _):
        bench = _bench(arguments, folder, url)
        alembic = [bench.python, "-m", "alembic", "upgrade", "head"]
        subprocess.run(alembic, cwd=bench.project, env=bench.environment, check=True)
        _report_throughput(bench, arguments.jobs, arguments.rounds)
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
    return Bench(python, project, environment, redis.Redis.from_url(redis_url))


def _report_throughput(bench: Bench, jobs: int, rounds: int) -> None:
    ratios = []
    for _ in range(rounds):
        ours = bench.throughput("boot", "feed", jobs)
        bare = bench.throughput("bare", "feed-bare", jobs)
        ratios.append(ours / bare)
        print(f"jobs per CPU-second: ours {ours:.0f}, bare Dramatiq {bare:.0f}: {ours / bare:.2f}")
    if ratios:
        print(f"median ratio {statistics.median(ratios):.2f}")


def _report_latency(milliseconds: list[float]) -> None:
    p50, p90 = milliseconds[len(milliseconds) // 2], milliseconds[len(milliseconds) * 9 // 10]
    print(f"idle to start: p50 {p50:.1f} ms, p90 {p90:.1f}, max {milliseconds[-1]:.1f}")


if __name__ == "__main__":
    main()
