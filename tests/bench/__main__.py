"""All of it: `make bench`, or one part: `python -m tests.bench machine`.

Renders and builds what is compared, then measures.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import s3rius
from tests.conftest import ROOT, headstart, install, rendered

HERE = Path(__file__).parent
UV: list[str | Path] = [sys.executable, "-m", "uv"]


PARTS = ("api", "worker", "machine", "update")


def main() -> None:
    """Measure the parts that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="*", choices=PARTS, default=PARTS)
    parts: list[str] = parser.parse_args().part
    for part in sorted({"machine", "update"}.intersection(parts)):
        measure(part)
    if {"api", "worker"}.intersection(parts):
        with TemporaryDirectory() as name:
            measure_project(Path(name), parts)


def measure_project(folder: Path, parts: list[str]) -> None:
    """Build a project and its peers, and measure the requests and the jobs of it."""
    python = newest_pin(folder)
    project = rendered(folder, "preset=custom", "database=postgresql")
    install(project, ROOT / "template/requirements-dev.lock", python)
    if "api" in parts:
        peer = s3rius.render(folder, environment(folder / "tool", python, HERE / "generator.txt"))
        environment(peer / ".venv", python, peer / "pyproject.toml")
        measure("api", PROJECT=str(project), PEER=str(peer))
    if "worker" in parts:
        peers = environment(folder / "peers", python, HERE / "peers.txt")
        measure("worker", str(project), "--peers", str(peers))


def newest_pin(folder: Path) -> Path:
    """Bring up a minimal project; return its interpreter, which all the others run on too."""
    headstart("new", "minimal", "--defaults", "--up", cwd=folder, state=folder / "state")
    return folder / "minimal/.venv/bin/python"


def environment(folder: Path, python: Path, requirements: Path) -> Path:
    """Make an environment with what `requirements` names; return its interpreter."""
    subprocess.run([*UV, "venv", "--quiet", "--python", python, folder], check=True)
    fill = [*UV, "pip", "install", "--quiet", "--requirement", requirements, "--python", folder]
    subprocess.run(fill, check=True)
    return folder / "bin/python"


def measure(what: str, *arguments: str, **settings: str) -> None:
    """Run one part as a process of its own, so that nothing of another is in its memory."""
    command = [sys.executable, "-m", f"tests.bench.{what}", *arguments]
    subprocess.run(command, env=os.environ | settings, check=True)


if __name__ == "__main__":
    main()
