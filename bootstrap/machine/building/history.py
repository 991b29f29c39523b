"""What earlier builds of Python on this machine taught: how long each part takes, what failed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from bootstrap import state
from bootstrap.files import write_atomically
from bootstrap.versions import minor

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Build:
    """A successful one: all its seconds, and per phase its seconds and the lines it wrote."""

    version: str
    seconds: float
    phases: dict[str, tuple[float, int]]


def latest(version: str) -> Build | None:
    """The last successful build of this minor version, else of any."""
    found = [_build(row) for row in _rows() if row.get("phases")]
    same = [build for build in found if minor(build.version) == minor(version)]
    known = same or found
    return known[-1] if known else None


def remember(build: Build) -> None:
    _write([*_rows(), asdict(build)])


def plain_failed(version: str) -> bool:
    """Whether the last word on the plain build of `version` is that it fails here."""
    return any(row.get("failed") == version for row in _rows())


def remember_failure(version: str) -> None:
    if not plain_failed(version):
        _write([*_rows(), {"failed": version}])


def _build(row: dict[str, object]) -> Build:
    phases: dict[str, tuple[float, int]] = {}
    written = row["phases"]
    for name, pair in written.items() if isinstance(written, dict) else ():
        phases[str(name)] = (float(pair[0]), int(pair[1]))
    return Build(str(row["version"]), float(str(row["seconds"])), phases)


def _path() -> Path:
    return state.state_dir() / "builds.json"


def _rows() -> list[dict[str, object]]:
    try:
        rows = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _write(rows: list[dict[str, object]]) -> None:
    state.private_dir(_path().parent)
    write_atomically(_path(), json.dumps(rows[-20:]), mode=0o600)
