"""A rotation and a re-encryption are killed before each of their effects, and gone on with.

A rotation is done or not, and never half; of a re-encryption every value can be read at any time,
and the next run ends it. No key is made twice, and none goes while something is sealed by it.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.rendered.conftest import on_every_server
from tests.rendered.kills import counted
from tests.rendered.processes import Backend

pytestmark = pytest.mark.slow

PROGRAM = counted("keys_program.py")
PEOPLE = {f"{number}": f"IBAN {number}" for number in range(6)}
BEFORE = {
    "data current": 1,
    "data next": 1,
    "signing current": 1,
    "signing next": 1,
    "signing retired": 1,
    "webhook current": 1,
}
AFTER = {
    "data current": 1,
    "data retired": 1,
    "signing current": 1,
    "signing retired": 1,
    "webhook current": 1,
    "webhook next": 1,
}
KILLS = 34  # of each, on each server, in the nightly: 204


@dataclass(frozen=True)
class Killed:
    """What is killed: a command, what it is given to do, and what there is when it is done."""

    command: Sequence[str]
    seeds: Sequence[str]
    effects: Sequence[str]

    def seed(self, backend: Backend) -> None:
        backend.run("-c", PROGRAM, *self.seeds)

    def run(self, backend: Backend, names: Path, before: int = 0) -> int:
        told = {"KILL_LIST": str(names), "KILL_BEFORE": str(before)}
        return backend.run_program(PROGRAM, *self.command, **told).wait(timeout=60)

    def kill(self, backend: Backend, names: Path, number: int) -> str:
        """Kill it before effect `number`, go on, and hold what is true then."""
        assert self.run(backend, names, number) == -signal.SIGKILL, "it has ended otherwise"
        effects = names.read_text().split()
        told = f"killed before {effects[-1]}, the {number}. effect"
        self.hold(left(backend), told, is_over=False)
        backend.run("-c", PROGRAM, *self.command)
        self.hold(left(backend), told, is_over=True)
        return effects[-1]

    def hold(self, found: dict[str, Any], told: str, *, is_over: bool) -> None:
        assert found["people"] == PEOPLE, told
        if self is ROTATION:
            assert found["keys"] in ([AFTER] if is_over else [BEFORE, AFTER]), told
            return
        gone = {state: number for state, number in AFTER.items() if state != "data retired"}
        assert found["keys"] in ([gone] if is_over else [AFTER, gone]), told
        if is_over or found["keys"] == gone:
            assert found["current"] == len(PEOPLE), told


ROTATION = Killed(
    ("keys", "rotate"),
    ("seed",),
    # data, then signing with the one whose time is over, then the next one for webhooks
    (*["update"] * 4, "delete", "insert", "commit", "committed"),
)
BATCH = ("update", "update", "update", "commit", "committed")
REENCRYPTION = Killed(
    ("keys", "reencrypt", "--table", "killed_people", "--batch", "2"),
    ("seed", "rotated"),
    # Before: which key there is, in a transaction. After: that it is done, and the old key goes.
    (
        *("commit", "committed"),
        # Two values, and how far it is, which is a new row in the first one.
        *("update", "update", "update", "insert", "commit", "committed"),
        *BATCH * 2,
        *("update", "commit", "committed"),
        *("delete", "commit", "committed"),
    ),
)


def left(backend: Backend) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(backend.output("-c", PROGRAM, "check"))
    return found


@pytest.mark.parametrize("killed", [ROTATION, REENCRYPTION], ids=["rotation", "reencryption"])
def test_before_every_effect_nothing_is_missing_or_doubled(
    backend: Backend, tmp_path: Path, killed: Killed
) -> None:
    killed.seed(backend)
    original = Path(backend.url.removeprefix("sqlite:///"))

    def copied(name: str) -> Backend:
        url = f"sqlite:///{shutil.copy(original, tmp_path / f'{name}.db')}"
        environment = backend.environment | {"DATABASE_URL": url}
        return replace(backend, url=url, environment=environment, processes=[], clients=[])

    whole = copied("whole")
    assert killed.run(whole, tmp_path / "whole") == 0
    assert (tmp_path / "whole").read_text().split() == list(killed.effects)
    assert killed.run(whole, tmp_path / "again") == 0
    killed.hold(left(whole), "it was run twice", is_over=True)

    def one(number: int) -> str:
        return killed.kill(copied(f"{number}"), tmp_path / f"effects-{number}", number)

    with ThreadPoolExecutor(2) as runs:
        found = list(runs.map(one, range(1, len(killed.effects) + 1)))
    assert found == list(killed.effects)


@pytest.mark.nightly
@on_every_server
def test_wherever_it_is_killed_nothing_is_missing_or_doubled(
    backend: Backend, tmp_path: Path
) -> None:
    at_random = random.Random(0)
    for run in range(KILLS):
        for killed in (ROTATION, REENCRYPTION):
            killed.seed(backend)
            number = at_random.randint(1, len(killed.effects))
            killed.kill(backend, tmp_path / f"{run}-{killed.command[1]}", number)
