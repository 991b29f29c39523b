"""What the project says of itself: name, version and description, kept in `pyproject.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Project:
    """The project's own words."""

    name: str
    version: str
    description: str


def read_project() -> Project:
    """Read them."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return Project(table["name"], table["version"], table["description"])
