"""What it costs to look at many projects: `fleet status` beside a `status` in each.

`[PROJECTS=50] python -m tests.bench.fleet` renders projects of every release with three sets of
answers, each under its own name, and looks at them. Every row begins with nothing of Headstart's on
the machine; the second look of a row finds what the first has left there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bootstrap.project import releases
from tests.bench.measuring import cpu_seconds
from tests.conftest import headstart

PROJECTS = int(os.environ.get("PROJECTS", "50"))
ANSWERS = ((), ("--data", "python_version=3.12.1"), ("--data", "description=Another."))


def main() -> None:
    """Render the projects, and measure each way of looking at them."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        projects = [render(folder, number) for number in range(PROJECTS)]
        cores = len(os.sched_getaffinity(0))
        tell(folder, "a status in each", [("status", "--project", str(each)) for each in projects])
        for jobs in sorted({1, cores, 2 * cores}):
            words = ("fleet", "status", str(folder / "code"), "--jobs", str(jobs))
            tell(folder, f"fleet status --jobs {jobs}", [words])


def render(folder: Path, number: int) -> Path:
    """Render a project like none of the others."""
    known = releases.released()
    options = (*ANSWERS[number % len(ANSWERS)], "--version", known[number % len(known)].version)
    path = folder / f"code/shop-{number}"
    path.parent.mkdir(exist_ok=True)
    headstart("new", path, "--defaults", *options, cwd=folder, state=folder / "state")
    return path


def tell(folder: Path, what: str, commands: list[tuple[str, ...]]) -> None:
    """Measure the commands twice, one after the other."""
    for look in ("first", "second"):
        began = time.monotonic()
        cpu = cpu_seconds(partial(run, commands, folder / f"state of {what}"))
        wall = time.monotonic() - began
        each = cpu / PROJECTS
        print(f"{what:24} {look:6} {cpu:7.1f} s of CPU, {each:.2f} each, in {wall:.0f} s")


def run(commands: list[tuple[str, ...]], state: Path) -> None:
    """Run the public command, which finds that updates are available or that none is."""
    environment = os.environ | {"HEADSTART_STATE_DIR": str(state)}
    for words in commands:
        command = [sys.executable, "-m", "bootstrap", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode in {0, 2}, done.stdout + done.stderr


if __name__ == "__main__":
    main()
