"""Counting is killed before each of its effects, and gone on with.

What is kept of a day that is not marked is what a direct query gives, at any time; the next run
counts what is left, and finds nothing after that.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.rendered.conftest import on_every_server
from tests.rendered.kills import counted
from tests.rendered.processes import Backend

pytestmark = pytest.mark.slow

PROGRAM = counted("statistics_program.py")
KILLS = 20  # on each server, in the nightly
DAYS = 40


def run(backend: Backend, names: Path, before: int = 0) -> int:
    told = {"KILL_LIST": str(names), "KILL_BEFORE": str(before)}
    return backend.run_program(PROGRAM, "statistics", "backfill", **told).wait(timeout=60)


def left(backend: Backend) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(backend.output("-c", PROGRAM, "check"))
    return found


def kill(backend: Backend, names: Path, number: int) -> str:
    """Kill it before effect `number`, go on, and hold what is true then."""
    assert run(backend, names, number) == -signal.SIGKILL, "it has ended otherwise"
    last = names.read_text().split()[-1]
    told = f"killed before {last}, the {number}. effect"
    assert left(backend)["wrong"] == [], told
    assert run(backend, names.with_name(f"{names.name}-again")) == 0, told
    assert left(backend) == {"wrong": [], "due": False, "kept": DAYS}, told
    return last


def test_before_every_effect_what_is_kept_is_true(backend: Backend, tmp_path: Path) -> None:
    backend.run("-c", PROGRAM, "seed")
    original = Path(backend.url.removeprefix("sqlite:///"))

    def copied(name: str) -> Backend:
        url = f"sqlite:///{shutil.copy(original, tmp_path / f'{name}.db')}"
        environment = backend.environment | {"DATABASE_URL": url}
        return replace(backend, url=url, environment=environment, processes=[], clients=[])

    whole = copied("whole")
    assert left(whole) == {"wrong": [], "due": True, "kept": DAYS // 2 - 2}
    assert run(whole, tmp_path / "whole") == 0
    assert left(whole) == {"wrong": [], "due": False, "kept": DAYS}
    effects = (tmp_path / "whole").read_text().split()
    assert effects.count("committed") > 4

    def one(number: int) -> str:
        return kill(copied(f"{number}"), tmp_path / f"effects-{number}", number)

    with ThreadPoolExecutor(2) as runs:
        assert list(runs.map(one, range(1, len(effects) + 1))) == effects


@pytest.mark.nightly
@on_every_server
def test_wherever_it_is_killed_what_is_kept_is_true(backend: Backend, tmp_path: Path) -> None:
    at_random = random.Random(0)
    backend.run("-c", PROGRAM, "seed")
    assert run(backend, tmp_path / "whole") == 0
    effects = (tmp_path / "whole").read_text().split()
    for each in range(KILLS):
        backend.run("-c", PROGRAM, "seed")
        kill(backend, tmp_path / f"{each}", at_random.randint(1, len(effects)))
