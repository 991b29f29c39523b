"""What an import costs beside the bare libraries: `python -m tests.bench.imports PROJECT`.

PROJECT is a render with the feature `transfers` and its environment.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.rendered.test_imports_large import HEADER, write_text
from tests.rendered.workbooks import write_large

PROGRAM = Path(__file__).with_name("importing.py")
ROWS = 100_000


def main() -> None:
    """Measure in one process of the project's own Python."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    project: Path = parser.parse_args().project.absolute()
    rounds = os.environ.get("ROUNDS", "5")
    with TemporaryDirectory() as folder:
        text, book = Path(folder, "rows.csv"), Path(folder, "rows.xlsx")
        write_text(text, HEADER, ROWS)
        write_large(book, HEADER, ROWS)
        environment = os.environ | {"PYTHONPATH": str(project)}
        command = [str(project / ".venv/bin/python"), str(PROGRAM), rounds, str(text), str(book)]
        subprocess.run(command, check=True, cwd=project, env=environment)


if __name__ == "__main__":
    main()
