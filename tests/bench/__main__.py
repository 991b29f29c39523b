"""All of it: `make bench`. Renders and builds what is compared, then measures api and worker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import s3rius
from tests.conftest import ROOT, headstart, install, rendered

HERE = Path(__file__).parent
UV: list[str | Path] = [sys.executable, "-m", "uv"]


def main() -> None:
    """Build in a folder that goes afterwards, and measure."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        python = newest_pin(folder)
        project = rendered(folder, "preset=custom", "database=postgresql")
        install(project, ROOT / "template/requirements-dev.lock", python)
        peers = environment(folder / "peers", python, HERE / "peers.txt")
        peer = s3rius.render(folder, environment(folder / "tool", python, HERE / "generator.txt"))
        environment(peer / ".venv", python, peer / "pyproject.toml")
        measure("api", PROJECT=str(project), PEER=str(peer))
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
