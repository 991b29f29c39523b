"""What of the nightly has passed on a tree: a pytest plug-in keeps it, and does not run it again.

A line for each test, written at once: nothing is lost by Ctrl-C, a kill or a reboot. The file
may be committed, for another day or another machine to go on with.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

FOLDER = "tests/nightly_begun"
WHERE = "HEADSTART_NIGHTLY"  # names the file to the plug-in

# passed, failed and skipped: the tests; seconds: how long each run has taken.
Results = Mapping[str, Sequence[str]]


def file_of(root: Path, name: str) -> Path:
    """Return the file of a tree; those of others go."""
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for other in folder.iterdir():
        if other.name != name:
            other.unlink()
    return folder / name


def keep(path: Path | None, what: str, value: str) -> None:
    if path:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{what} {value}\n")


def results(path: Path | None) -> Results:
    found: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text("utf-8").splitlines() if path and path.exists() else ():
        what, _, value = line.partition(" ")
        found[what].append(value)
    return found


# -- the plug-in -----------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    if (path := _asked()) and not hasattr(
        config, "workerinput"
    ):  # reports of workers come together
        config.pluginmanager.register(Keeper(path))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run what has not passed yet."""
    passed = set(results(_asked())["passed"])
    done = [item for item in items if _plain(item.nodeid) in passed]
    config.hook.pytest_deselected(items=done)
    items[:] = [item for item in items if _plain(item.nodeid) not in passed]


class Keeper:
    """Keeps how each test has ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._passing: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed or report.skipped:
            self._passing.discard(report.nodeid)
            keep(self._path, report.outcome, _plain(report.nodeid))
        elif report.when == "setup":
            self._passing.add(report.nodeid)
        elif report.when == "teardown" and report.nodeid in self._passing:
            keep(self._path, "passed", _plain(report.nodeid))


def _asked() -> Path | None:
    return Path(os.environ[WHERE]) if WHERE in os.environ else None


def _plain(test: str) -> str:
    """Return a test without the group that xdist writes behind it."""
    name, _, group = test.rpartition("@")
    return name if name and "]" not in group else test
