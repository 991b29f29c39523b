"""Which tests run, and in which order: what takes long begins first, so that workers end together.

`durations.json` has the seconds of each group and of each long test, as `--store-durations` last
measured them; the many short tests fill the gaps at the end. Tests of the nightly run where they
are asked for: by `-m`, or by their own names.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

DURATIONS = Path(__file__).with_name("durations.json")
LONG = 5.0  # seconds


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--store-durations",
        action="store_true",
        help=f"write how long groups and long tests took into {DURATIONS.name}",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--store-durations") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Stopwatch())


@pytest.hookimpl(trylast=True)  # after xdist has named the group of each test
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not _asks_for_nightly(config):
        late = [item for item in items if item.get_closest_marker("nightly")]
        config.hook.pytest_deselected(items=late)
        items[:] = [item for item in items if item not in late]
    if hasattr(config, "workerinput"):
        named = {item.nodeid: item for item in items}
        items[:] = [named[name] for name in longest_first(named, json.loads(DURATIONS.read_text()))]


def _asks_for_nightly(config: pytest.Config) -> bool:
    return "nightly" in config.option.markexpr or any("::" in each for each in config.args)


def longest_first(tests: Iterable[str], seconds: Mapping[str, float]) -> list[str]:
    """The tests of a group stay together, for a group takes its time as a whole."""
    return sorted(tests, key=lambda test: -seconds.get(unit(test), 0))


def unit(test: str) -> str:
    """What one worker does as a whole: a group, as xdist writes it behind a test, or the test."""
    name, _, group = test.rpartition("@")
    return group if name and "]" not in group else test


class Stopwatch:
    """Adds up how long everything took: with setup and teardown, of all workers."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[unit(report.nodeid)] += report.duration

    def pytest_sessionfinish(self) -> None:
        longest = sorted(self.seconds.items(), key=lambda item: -item[1])
        kept = {name: round(seconds, 1) for name, seconds in longest if seconds >= LONG}
        DURATIONS.write_text(json.dumps(kept, indent=0) + "\n")
