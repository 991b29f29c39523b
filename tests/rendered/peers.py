"""What others make of exports, in an environment of their own: a server of S3, and DuckDB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LISTED = Path(__file__).with_name("exports.txt")
UV = [sys.executable, "-m", "uv"]


def environment(folder: Path) -> Path:
    """Make it, and return where its programs are."""
    venv = folder / "venv"
    subprocess.run([*UV, "venv", "--quiet", str(venv)], check=True)
    fill = ["pip", "install", "--quiet", "--requirement", str(LISTED), "--python", str(venv)]
    subprocess.run([*UV, *fill], check=True)
    return venv / "bin"
