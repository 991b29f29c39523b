"""What sealing, opening and signing cost beside the bare libraries: `python -m tests.bench.keys`.

PROJECT is a render with the feature `keys` and its environment.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path

PROGRAM = Path(__file__).with_name("sealing.py")
NUMBER = "2000"


def main() -> None:
    """Measure in one process of the project's own Python."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    project: Path = parser.parse_args().project.absolute()
    rounds = os.environ.get("ROUNDS", "5")
    command: list[str | Path] = [project / ".venv/bin/python", PROGRAM, rounds, NUMBER]
    environment = os.environ | {"PYTHONPATH": str(project)}
    subprocess.run(command, check=True, cwd=project, env=environment)


if __name__ == "__main__":
    main()
