"""Which tests run, in which order; what is for the nightly runs when it is asked for."""

from __future__ import annotations

import json

import pytest

from tests import ordering

pytest_plugins = ("pytester",)

SUITE = """\
import pytest

def test_short(): pass

@pytest.mark.nightly
def test_late(): pass

@pytest.mark.parametrize("word", ["a@b", "c"])
def test_long(word): pass

@pytest.mark.xdist_group("both")
def test_first(): pass

@pytest.mark.xdist_group("both")
def test_second(): pass
"""
UNGROUPED = ("short", "long[a@b]", "long[c]")
MARKERS = "[pytest]\nmarkers = nightly\n"


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    pytester.makepyfile(test_it=SUITE)
    pytester.makeini(MARKERS)
    monkeypatch.setattr(ordering, "DURATIONS", pytester.path / "durations.json")
    monkeypatch.setattr(ordering, "LONG", 0)
    return pytester


def ran(suite: pytest.Pytester, *arguments: str) -> list[str]:
    """The tests that ran, in their order."""
    result = suite.inline_run("-p", "tests.ordering", *arguments)
    passed, _, failed = result.listoutcomes()
    assert not failed
    return [report.nodeid.removeprefix("test_it.py::test_") for report in passed]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), [*UNGROUPED, "first", "second"]),
        (("-m", "not slow"), [*UNGROUPED, "first", "second"]),
        (("-m", "nightly"), ["late"]),
        (("-k", "late or short"), ["short"]),
        (("test_it.py::test_late",), ["late"]),
    ],
)
def test_the_nightly_runs_when_it_is_asked_for(
    suite: pytest.Pytester, arguments: tuple[str, ...], expected: list[str]
) -> None:
    assert ran(suite, *arguments) == expected


def test_what_is_long_is_written_down_and_begins_first(suite: pytest.Pytester) -> None:
    ran(suite, "--store-durations", "-n1", "--dist", "loadgroup")
    stored = json.loads(ordering.DURATIONS.read_text())
    assert stored.keys() == {"both"} | {f"test_it.py::test_{name}" for name in UNGROUPED}
    before = [f"test_it.py::test_{name}" for name in (*UNGROUPED, "first@both", "second@both")]
    seconds = {"both": 50, "test_it.py::test_long[c]": 20}
    assert ordering.longest_first(before, seconds) == [*before[-2:], before[2], *before[:2]]
