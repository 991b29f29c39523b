"""An import is killed before each of its effects, and ended by the next process.

Nothing is written twice and nothing is missing; all or nothing is never the half of it. So is the
command that asks for one, which is run again.
"""

from __future__ import annotations

import csv
import io
import random
import shutil
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from tests.conftest import nightly_but
from tests.rendered.conftest import on_every_server
from tests.rendered.kills import SOON, Effects
from tests.rendered.processes import Backend

pytestmark = pytest.mark.slow

COUNTED = Path(__file__).with_name("counted_program.py").read_text("utf-8")
PROGRAM = Path(__file__).with_name("imports_program.py").read_text("utf-8")
COMMAND = f"{COUNTED}\nrun_counted()"
URL = "/v1/imports/profiles"
ROWS = 20
# Their e-mail is none.
BAD = (7, 13)
# Which the module refuses when it is written, and nobody before.
TAKEN = 17
KILLS = 12  # on each server, in the nightly
FIRST = """
from app.core.errors import Conflict
from app.modules.profiles import transfers

async def write(session, rows, written=transfers.PROFILES.write):
    if any(each.full_name == "Taken" for each in rows):
        raise Conflict("she is taken")
    return await written(session, rows)

vars(transfers.PROFILES)["write"] = write
"""
EFFECTS = Effects(
    "transfers.import", ["app.features.transfers.storage:Folder.publish"], first=FIRST
)
MODES = ("partial", "all", "validate", "refused")


def text(mode: str) -> str:
    """A file of which all is good, or of which some rows are not."""
    target = io.StringIO(newline="")
    writer = csv.writer(target)
    writer.writerow(["employee_number", "full_name", "email", "department"])
    for number in range(ROWS):
        email = "none" if number in BAD and mode in ("partial", "validate") else "a@example.com"
        name = "Taken" if number == TAKEN and mode in ("partial", "refused") else "Ada"
        writer.writerow([f"E-{number}", name, email, "Engines"])
    return target.getvalue()


@dataclass(frozen=True)
class World:
    """A backend in whose database an import waits, and where its files are."""

    backend: Backend
    mode: str

    @classmethod
    def begin(cls, seeded: Backend, folder: Path, url: str, mode: str) -> World:
        folder.mkdir()
        files = shutil.copytree(seeded.environment["TRANSFERS_FOLDER"], folder / "transfers")
        own = {"DATABASE_URL": url, "TRANSFERS_FOLDER": str(files)}
        environment = seeded.environment | own
        backend = replace(seeded, url=url, environment=environment, processes=[], clients=[])
        return cls(backend, mode)

    def is_over(self) -> bool:
        return self.backend.count("SELECT count(*) FROM outbox") == 0

    def versions(self) -> list[int]:
        """How often each profile was written."""
        return [int(str(row[0])) for row in self.backend.query("SELECT version FROM profiles")]

    def require_whole(self) -> list[int]:
        """Hold that all or nothing is there now, where that was asked for."""
        versions = self.versions()
        wholes: dict[str, Sequence[int]] = {"all": (0, ROWS), "validate": (0,), "refused": (0,)}
        assert len(versions) in wholes.get(self.mode, range(ROWS - 2)), self.mode
        assert set(versions) <= {1}
        return versions

    def require_done(self, client: httpx.Client) -> None:
        """Hold what is true in the end, however often it was killed."""
        (found,) = client.get(URL).json()["data"]["items"]
        good = {"partial": ROWS - 3, "all": ROWS}.get(self.mode, 0)
        foreseen = ROWS - 2 if self.mode == "validate" else good
        assert self.versions() == [1] * good
        assert found["state"] == ("refused" if self.mode == "refused" else "done"), found
        assert (found["rows"], found["created"]) == (ROWS, foreseen), found
        assert (found["updated"], found["unchanged"]) == (0, 0), found
        bad = {"partial": (*BAD, TAKEN), "validate": BAD, "refused": (TAKEN,)}.get(self.mode, ())
        assert found["bad"] == len(bad), found
        if bad:
            content = client.get(f"{URL}/{found['id']}/report").content.decode("utf-8-sig")
            lines = csv.DictReader(io.StringIO(content, newline=""))
            assert [int(line["_row"]) for line in lines] == [number + 2 for number in bad]

    def finish(self, folder: Path) -> list[str]:
        """Let another process do what is left, and return its effects."""
        effects = EFFECTS.names(self.backend, folder, self.is_over)
        _, client = self.backend.start_api(**SOON)
        self.require_done(client)
        return effects


def killed(seeded: Backend, folder: Path, url: str, mode: str, number: int) -> str:
    """Kill it before one effect, let another process go on, and hold what is true then."""
    world = World.begin(seeded, folder, url, mode)
    try:
        effect = EFFECTS.kill(world.backend, folder, number)
        world.require_whole()
        world.finish(folder)
    finally:
        world.backend.stop_all()
    return effect


@pytest.fixture
def seeded(backend: Backend, tmp_path: Path) -> Backend:
    own = {"TRANSFERS_FOLDER": str(tmp_path / "transfers"), "TRANSFERS_BATCH": "4"}
    backend.environment.update(own)
    return backend


def send(backend: Backend, folder: Path, mode: str) -> None:
    file = folder / f"{mode}.csv"
    file.write_text(text(mode))
    backend.run("-c", PROGRAM, str(file), "all" if mode == "refused" else mode)


@pytest.mark.parametrize("mode", nightly_but("all", "partial", of=MODES))
def test_before_every_effect_nothing_is_doubled_or_missing(
    seeded: Backend, tmp_path: Path, mode: str
) -> None:
    send(seeded, tmp_path, mode)
    original = Path(seeded.url.removeprefix("sqlite:///"))

    def copied(name: str) -> str:
        return f"sqlite:///{shutil.copy(original, tmp_path / f'{name}.db')}"

    whole = World.begin(seeded, tmp_path / "whole", copied("whole"), mode)
    effects = whole.finish(tmp_path / "whole")
    whole.backend.stop_all()
    assert effects.count("commit") >= (9 if mode == "partial" else 4), effects
    assert effects.count("publish") == (0 if mode == "all" else 1)

    def one(number: int) -> str:
        return killed(seeded, tmp_path / f"{number}", copied(f"{number}"), mode, number)

    with ThreadPoolExecutor(2) as runs:
        assert set(runs.map(one, range(1, len(effects) + 1))) == set(effects)


@pytest.mark.nightly
@on_every_server
def test_wherever_it_is_killed_nothing_is_doubled_or_missing(
    seeded: Backend, tmp_path: Path
) -> None:
    at_random = random.Random(0)
    for run in range(KILLS):
        mode = MODES[run % len(MODES)]
        seeded.execute("DELETE FROM import_errors", "DELETE FROM imports", "DELETE FROM profiles")
        send(seeded, tmp_path, mode)
        number = at_random.randint(1, 9 if mode == "partial" else 4)
        killed(seeded, tmp_path / f"{run}", seeded.url, mode, number)


def test_a_command_that_is_killed_asks_once_when_it_is_run_again(
    seeded: Backend, tmp_path: Path
) -> None:
    file = tmp_path / "file.csv"
    file.write_text(text("all"))
    words = ("transfers", "import", "profiles", str(file), "--mode", "all")
    original = Path(seeded.url.removeprefix("sqlite:///"))
    before = shutil.copy(original, tmp_path / "before.db")
    number, ended = 0, -signal.SIGKILL
    while ended == -signal.SIGKILL:
        number += 1
        seeded.stop_all()
        for each in original.parent.glob(f"{original.name}*"):
            each.unlink()
        shutil.copy(before, original)
        _, client = seeded.start_api(**SOON)
        command = seeded.run_program(COMMAND, *words, KILL_BEFORE=str(number))
        ended = command.wait(timeout=60)
        seeded.run("-m", "app", *words)
        assert len(client.get(URL).json()["data"]["items"]) == 1
        World(seeded, "all").require_done(client)
    assert number > 7
