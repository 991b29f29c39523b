"""The end of a period is killed before each of its effects, and gone on with.

The next run finishes: nothing is there twice, nothing is missing, and the digests are equal.
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

from tests.conftest import rendered
from tests.rendered.conftest import on_every_server
from tests.rendered.kills import counted
from tests.rendered.processes import Backend
from tests.rendered.servers import SqlServer
from tests.rendered.test_add_resource import with_tools

pytestmark = pytest.mark.slow

PROGRAM = counted("periods_program.py")
# Of each command on each server, in the nightly: 216 in all.
KILLS = 24
WHO = ("--by", "Ada", "--because", "the end of the year")
Command = tuple[str, ...]
COMMANDS: dict[str, Command] = {
    "dump": ("run", "2025", *WHO),
    "restore": ("restore", "2025", "--into", "INTO"),
    "archive": ("archive", "2025", *WHO),
}
# What was done before the command that is killed.
BEFORE: dict[str, list[Command]] = {
    "dump": [("open", "2025", *WHO)],
    "restore": [("open", "2025", *WHO), ("run", "2025", *WHO)],
    "archive": [("open", "2025", *WHO), ("run", "2025", *WHO, "--into", "INTO")],
}
YEAR, OTHERS = 6, 2
KEPT = {"profiles": [YEAR, OTHERS], "headshots": [YEAR, OTHERS]}
GONE = {"profiles": [0, OTHERS], "headshots": [0, OTHERS]}
CLOSED = ["open", "closing", "closed"]
DONE = {"state": "closed", "events": CLOSED, "rows": KEPT, "dumps": 1, "left": 0, "dumped": 8}
ENDS = {
    "dump": DONE,
    "restore": DONE,
    "archive": DONE | {"state": "archived", "events": [*CLOSED, "archived"], "rows": GONE},
}


def run(backend: Backend, command: Command, into: str, names: Path, before: int = 0) -> int:
    told = {"KILL_LIST": str(names), "KILL_BEFORE": str(before)}
    words = [into if word == "INTO" else word for word in command]
    return backend.run_program(PROGRAM, "periods", *words, **told).wait(timeout=120)


def left(backend: Backend) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(backend.output("-c", PROGRAM, "check"))
    return found


def prepare(backend: Backend, of: str, into: str, folder: Path) -> None:
    backend.run("-c", PROGRAM, "seed")
    for each in BEFORE[of]:
        assert run(backend, each, into, folder / "prepared") == 0


def kill(backend: Backend, of: str, into: str, names: Path, number: int) -> str:
    """Kill it before effect `number`, go on, and hold what is true then."""
    code = run(backend, COMMANDS[of], into, names, number)
    assert code == -signal.SIGKILL, "it has ended otherwise"
    last = names.read_text().split()[-1]
    told = f"{of} was killed before {last}, the {number}. effect"
    # Whatever is gone from the database is in the dump.
    found = left(backend)
    assert found["rows"]["profiles"][1] == found["rows"]["headshots"][1] == OTHERS, told
    assert of == "archive" or found["rows"] == KEPT, told
    assert run(backend, COMMANDS[of], into, names.with_name(f"{names.name}-again")) == 0, told
    assert left(backend) == ENDS[of], told
    if of == "restore":
        assert restored(backend, into) == KEPT, told
    return last


def restored(backend: Backend, into: str) -> Any:
    """Return the rows of the database that was restored into."""
    other = replace(backend, environment=backend.environment | {"DATABASE_URL": into})
    return left(other)["rows"]


def placed(backend: Backend, url: str, dumps: Path) -> Backend:
    """The same project with another database and another folder for dumps."""
    own = {"DATABASE_URL": url, "PERIODS_FOLDER": str(dumps)}
    return replace(backend, url=url, environment=backend.environment | own, processes=[])


@pytest.fixture(scope="module")
def everything(everything: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with no more than it needs: each run builds and loads all of its tables."""
    few = rendered(tmp_path_factory.mktemp("few"), "preset=custom", "features=[periods, keys]")
    return with_tools(few, everything)


@pytest.mark.parametrize("of", COMMANDS)
def test_before_every_effect_the_next_run_finishes(
    backend: Backend, tmp_path: Path, of: str
) -> None:
    dumps = tmp_path / "dumps"
    original = placed(backend, backend.url, dumps)
    prepare(original, of, f"sqlite:///{tmp_path / 'drill.db'}", tmp_path)

    def copied(name: str) -> tuple[Backend, str]:
        folder = tmp_path / name
        folder.mkdir()
        file = shutil.copy(backend.url.removeprefix("sqlite:///"), folder / "app.db")
        if dumps.is_dir():
            shutil.copytree(dumps, folder / "dumps")
        into = f"sqlite:///{folder / 'into.db'}"
        return placed(backend, f"sqlite:///{file}", folder / "dumps"), into

    whole, into = copied("whole")
    assert run(whole, COMMANDS[of], into, tmp_path / "effects") == 0
    assert left(whole) == ENDS[of]
    effects = (tmp_path / "effects").read_text().split()
    assert effects.count("committed") > 4

    def one(number: int) -> str:
        own, into = copied(f"{number}")
        return kill(own, of, into, tmp_path / f"effects-{number}", number)

    with ThreadPoolExecutor(2) as runs:
        assert list(runs.map(one, range(1, len(effects) + 1))) == effects


@pytest.mark.nightly
@on_every_server
@pytest.mark.parametrize("of", COMMANDS)
def test_wherever_it_is_killed_the_next_run_finishes(
    backend: Backend, server: SqlServer, tmp_path: Path, of: str
) -> None:
    at_random = random.Random(0)

    def ready(name: str) -> tuple[Backend, str]:
        own = placed(backend, backend.url, tmp_path / name)
        prepare(own, of, server.new_database(), tmp_path)
        return own, server.new_database()

    # The second one counts: the first makes what a database keeps, as its keys.
    for name in ("first", "second"):
        whole, into = ready(name)
        assert run(whole, COMMANDS[of], into, tmp_path / f"effects-{name}") == 0
    effects = (tmp_path / f"effects-{name}").read_text().split()
    for each in range(KILLS):
        own, into = ready(f"{each}")
        number = at_random.randint(1, len(effects))
        kill(own, of, into, tmp_path / f"effects-{each}", number)
