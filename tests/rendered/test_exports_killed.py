"""An export is killed before each of its effects, and made by the next process.

Nothing can be fetched before it is whole; then every row is in it once, and it is the file that an
export makes that nobody kills. Nothing is left of the attempts before.
"""

from __future__ import annotations

import hashlib
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from tests.conftest import nightly_but
from tests.rendered.conftest import on_every_server
from tests.rendered.kills import SOON, Effects
from tests.rendered.processes import Backend
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("exports_program.py").read_text("utf-8")
ROWS = 40
KILLS = 12  # on each server, in the nightly
# Many batches, each of which is told: every one has a commit.
FIRST = """
from app.features.transfers.outgoing import making
making.BATCH, making.TOLD_EVERY = 10, 0
"""
EFFECTS = Effects(
    "transfers.export",
    [
        "app.features.transfers.storage:Folder.publish",
        "app.features.transfers.storage:Folder.remove",
    ],
    first=FIRST,
)
FORMATS = ("csv", "xlsx", "parquet")


@dataclass(frozen=True)
class World:
    """A backend in whose database an export waits, and where its files are."""

    backend: Backend
    folder: Path

    @classmethod
    def begin(cls, seeded: Backend, folder: Path, url: str) -> World:
        folder.mkdir()
        own = {"DATABASE_URL": url, "TRANSFERS_FOLDER": str(folder / "transfers")}
        environment = seeded.environment | own
        backend = replace(seeded, url=url, environment=environment, processes=[], clients=[])
        return cls(backend, folder)

    def is_over(self) -> bool:
        return self.backend.count("SELECT count(*) FROM outbox") == 0

    def files(self) -> list[Path]:
        return sorted(each for each in (self.folder / "transfers").rglob("*") if each.is_file())

    def state(self) -> str:
        return str(self.backend.query("SELECT state FROM exports")[0][0])

    def digest(self) -> str:
        """Fetch the file as a client does, and hold that it is what is said of it."""
        api, client = self.backend.start_api(**SOON)
        wait_until(self.is_over, "every job to end")
        content = fetched(client)
        self.backend.kill(api)
        self.backend.stop_all()
        return hashlib.sha256(content).hexdigest()


def fetched(client: httpx.Client) -> bytes:
    (export,) = client.get("/v1/exports/profiles").json()["data"]["items"]
    assert (export["state"], export["rows"], export["total"]) == ("ready", ROWS, ROWS)
    content = client.get(f"/v1/exports/profiles/{export['id']}/file").content
    assert hashlib.sha256(content).hexdigest() == export["sha256"]
    return content


def killed(seeded: Backend, folder: Path, url: str, number: int) -> tuple[str, str]:
    """Kill it before one effect, let another process go on, and hold what is true then."""
    world = World.begin(seeded, folder, url)
    try:
        effect = EFFECTS.kill(world.backend, folder, number)
        told = f"killed before {effect}, the {number}. effect"
        assert world.state() in ("queued", "running", "ready"), told
        digest = world.digest()
        kept = world.files()
    finally:
        world.backend.stop_all()
    assert {each.name.partition(".")[0] for each in kept} == {"manifest", "profiles"}, told
    assert len(kept) == 2, told
    return effect, digest


@pytest.fixture
def seeded(backend: Backend) -> Backend:
    backend.run("-c", PROGRAM, "seed", str(ROWS))
    return backend


@pytest.mark.parametrize("format_", nightly_but("csv", of=FORMATS))
def test_before_every_effect_a_file_is_whole_or_not_there(
    seeded: Backend, tmp_path: Path, format_: str
) -> None:
    seeded.run("-c", PROGRAM, "ask", format_)
    original = Path(seeded.url.removeprefix("sqlite:///"))

    def copied(name: str) -> str:
        return f"sqlite:///{shutil.copy(original, tmp_path / f'{name}.db')}"

    whole = World.begin(seeded, tmp_path / "whole", copied("whole")).digest()
    world = World.begin(seeded, tmp_path / "counted", copied("counted"))
    effects = EFFECTS.names(world.backend, world.folder, world.is_over)
    world.backend.stop_all()
    assert effects.count("commit") >= ROWS // 10 + 2
    assert effects.count("publish") == 2

    def one(number: int) -> tuple[str, str]:
        return killed(seeded, tmp_path / f"{number}", copied(f"{number}"), number)

    with ThreadPoolExecutor(2) as runs:
        found = list(runs.map(one, range(1, len(effects) + 1)))
    assert [effect for effect, _ in found] == effects
    assert {digest for _, digest in found} == {whole}


@pytest.mark.nightly
@on_every_server
def test_wherever_it_is_killed_a_file_is_whole_or_not_there(
    seeded: Backend, tmp_path: Path
) -> None:
    at_random = random.Random(0)
    seeded.run("-c", PROGRAM, "ask", "csv")
    world = World.begin(seeded, tmp_path / "whole", seeded.url)
    effects = EFFECTS.names(world.backend, world.folder, world.is_over)
    whole = world.digest()
    world.backend.stop_all()
    for run in range(KILLS):
        seeded.execute("DELETE FROM exports")
        seeded.run("-c", PROGRAM, "ask", "csv")
        number = at_random.randint(1, len(effects))
        _, digest = killed(seeded, tmp_path / f"{run}", seeded.url, number)
        assert digest == whole
