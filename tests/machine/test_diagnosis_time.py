"""No line makes `explain` slow: its time grows with a line's length, and not with its square."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from bootstrap.machine.diagnosis.causes import all_causes, cause_of_command
from bootstrap.machine.diagnosis.diagnose import diagnose
from bootstrap.machine.diagnosis.log import from_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bootstrap.machine.diagnosis.causes import Cause

# A line ten times as long costs ten times as much; were it the square, a hundred times.
LONGER = 10
MOST = 40
# What is faster than this is not measured, but counted as this.
LEAST_SECONDS = 0.002

REPEATED = {
    "letters": "x",
    "spaces": " ",
    "folders": "/opt/a",
    "quotes": "'\"",
    "escapes": "\x1b[",
    "titles": "\x1b]",
    "quoted": "> ",
    "errors": "error: ",
    "temporary": "/tmp/configure:",  # noqa: S108 - text
    "compilers": "/usr/local/bin/gcc: ",
    "conda": "/conda/bin/ld/",
    "homes": "mkdir: /home/a ",
    "symbols": "Symbol not found: _a Expected in: ",
    "installs": "/versions/install -c mkdir ",
    "pyenv-win": "/mnt/c/pyenv-win/",
}


@pytest.mark.parametrize("unit", REPEATED.values(), ids=REPEATED)
def test_a_long_line_is_explained_in_a_time_like_its_length(unit: str) -> None:
    def explain(text: str) -> None:
        diagnose(from_text(text), "linux", "debian")

    assert grows(explain, _line(unit, 30_000), _line(unit, 300_000)) < MOST


def test_the_output_of_a_command_too() -> None:
    for unit in REPEATED.values():
        assert grows(cause_of_command, _line(unit, 30_000), _line(unit, 300_000)) < MOST


def test_many_short_lines_too() -> None:
    def explain(text: str) -> None:
        diagnose(from_text(text), "linux", "debian")

    lines = "make[1]: Leaving directory '/tmp/x'\nmkdir -p /home/a /b\n"
    assert grows(explain, lines * 400, lines * 4000) < MOST


@pytest.mark.parametrize("cause", all_causes(), ids=lambda cause: cause.id)
def test_no_pattern_is_slow_on_what_it_almost_matches(cause: Cause) -> None:
    slow = [
        (pattern.pattern, unit)
        for pattern in _patterns(cause)
        for unit in _almost(pattern.pattern)
        if grows(pattern.search, _line(unit, 3_000), _line(unit, 30_000)) > MOST
    ]
    assert slow == []


def grows(run: Callable[[str], object], short: str, long: str) -> float:
    """How many times as much CPU `long` costs as `short`."""
    before, after = max(_cpu(run, short) for _ in range(2)), _cpu(run, long)
    return max(after, LEAST_SECONDS) / max(before, LEAST_SECONDS / LONGER)


def _cpu(run: Callable[[str], object], text: str) -> float:
    started = time.process_time()
    run(text)
    return time.process_time() - started


def _line(unit: str, length: int) -> str:
    return (unit * (length // len(unit) + 1))[:length]


def _patterns(cause: Cause) -> Iterator[re.Pattern[str]]:
    yield from cause.telling
    for signature in cause.signatures:
        given = (signature.match, signature.also, signature.unless, signature.near)
        yield from (pattern for pattern in given if pattern)


def _almost(pattern: str) -> list[str]:
    """Parts of a pattern as plain text, alone and together: what it begins to match each time."""
    plain = re.sub(
        r"\(\?(?:P<\w+>|[=!<>:]=?!?)|\[[^\]]*\]|\{\d*,?\d*\}[?+]?|\\[bdswDSWn]", "\0", pattern
    )
    parts = [re.sub(r"\\(.)", r"\1", part) for part in re.split(r"[\0|()?*+^$]", plain)]
    parts = [part for part in parts if len(part) > 1]
    return [*dict.fromkeys([*parts, "".join(parts), " ".join(parts), "/".join(parts)])][:60]
