"""What an export costs beside the bare libraries: `python -m tests.bench.exports PROJECT`.

PROJECT is a render with the feature `transfers` and its environment.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.conftest import ROOT

PROGRAM = Path(__file__).with_name("exporting.py")
SEED = ROOT / "tests/rendered/exports_program.py"
ROWS = "100000"


def main() -> None:
    """Measure in one process of the project's own Python, on a SQLite of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    project: Path = parser.parse_args().project.absolute()
    rounds = os.environ.get("ROUNDS", "5")
    python = project / ".venv/bin/python"
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/app.db"
        environment = os.environ | {"PYTHONPATH": str(project), "DATABASE_URL": url}
        commands = (
            ["-m", "alembic", "upgrade", "head"],
            [SEED, "seed", ROWS],
            [PROGRAM, url, rounds],
        )
        for command in commands:
            subprocess.run([python, *command], check=True, cwd=project, env=environment)


if __name__ == "__main__":
    main()
