"""What migrations cost: an upgrade with nothing to do, and a test of every revision.

`python -m tests.bench.migrate PROJECT`, where PROJECT is a render that was brought up.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.measuring import cpu_seconds, interleaved
from tests.rendered.migrate.kit import Kit, copy_of

ROUNDS = 5


def with_revisions(project: Path, folder: Path, number: int) -> Kit:
    """Return a kit with a chain of so many revisions, at the last of which its database is."""
    kit = copy_of(project, folder / str(number), f"sqlite:///{folder / str(number)}.db")
    parent: str | None = None
    for one in range(1, number + 1):
        up = f'op.create_table("t{one}", sa.Column("id", sa.Integer, primary_key=True))'
        kit.write(f"{one:04}", parent, up, f'op.drop_table("t{one}")')
        parent = f"{one:04}"
    run(kit, "migrate", "upgrade")
    subprocess.run([kit.python, "-m", "compileall", "-q", str(kit.folder / "migrate")], check=True)
    return kit


def measure_of(kit: Kit, command: tuple[str, ...]) -> Callable[[], float]:
    """Return what measures `python -m COMMAND` once."""
    return lambda: cpu_seconds(lambda: run(kit, *command))


def run(kit: Kit, *command: str) -> None:
    """Run `python -m COMMAND` as people do, who pay for every import."""
    words = [kit.python, "-m", *command]
    done = subprocess.run(
        words, cwd=kit.folder, env=kit.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def main() -> None:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    project: Path = parser.parse_args().project.resolve()
    with TemporaryDirectory() as name:
        kits = {number: with_revisions(project, Path(name), number) for number in (50, 100)}
        contestants = {
            "nothing to do, 100 revisions: migrate upgrade": (100, ("migrate", "upgrade")),
            "nothing to do, 100 revisions: alembic upgrade": (100, ("alembic", "upgrade", "head")),
            "check, 100 revisions": (100, ("migrate", "check")),
            "up, down and up, 50 revisions": (50, ("migrate", "test", "--all")),
            "up, down and up, 100 revisions": (100, ("migrate", "test", "--all")),
        }
        measures = {
            what: measure_of(kits[number], command)
            for what, (number, command) in contestants.items()
        }
        for what, seconds in interleaved(measures, ROUNDS).items():
            print(f"{seconds:6.2f} CPU-seconds  {what}")
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
