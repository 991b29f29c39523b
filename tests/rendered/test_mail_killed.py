"""A process that sends mail is killed before each of its effects: nothing is sent twice or lost.

A mail that a server may have taken is told as unknown and held, or sent again where the project
says so. The server is real, and notes each mail before it says that it has it.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.rendered.conftest import on_every_server
from tests.rendered.kills import SOON, Effects
from tests.rendered.mail import MailServer
from tests.rendered.processes import Backend
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

MAILS = 2
EFFECTS_OF_TWO = 13
KILLS = 20  # on each server, in the nightly
EFFECTS = Effects(
    "notifications.deliver",
    [f"aiosmtplib:SMTP.{command}" for command in ("connect", "mail", "rcpt", "data", "quit")],
)
ASK = """
import asyncio
from app.core.database import Database
from app.features.notifications import Mail, send_mail
from app.settings import Settings

async def main(number):
    database = Database(Settings().database_url)
    async with database.writes() as session:
        for each in range(number):
            await send_mail(session, Mail(f"u{each}@example.com", "News", "text"))
    await database.close()

asyncio.run(main(%d))
"""


@dataclass(frozen=True)
class World:
    """A backend with mails to send, and where they go."""

    backend: Backend
    server: MailServer
    folder: Path

    @classmethod
    def begin(cls, seeded: Backend, folder: Path, url: str, **settings: str) -> World:
        folder.mkdir()
        environment = seeded.environment | {"DATABASE_URL": url} | settings
        backend = replace(seeded, url=url, environment=environment, processes=[], clients=[])
        server = MailServer.start(backend, folder)
        backend.environment |= server.settings
        return cls(backend, server, folder)

    def states(self) -> Counter[str]:
        rows = self.backend.query("SELECT state, count(*) FROM notifications GROUP BY state")
        return Counter({str(state): int(str(number)) for state, number in rows})

    def is_over(self) -> bool:
        return self.backend.count("SELECT count(*) FROM outbox") == 0

    def finish(self) -> None:
        """Let another process do what is left."""
        api, _ = self.backend.start_api(**SOON)
        wait_until(self.is_over, "every job to end")
        self.backend.kill(api)


def killed(seeded: Backend, folder: Path, url: str, number: int, policy: str) -> str:
    """Kill it before one effect, let another process go on, and hold what is true then."""
    world = World.begin(seeded, folder, url, NOTIFICATIONS_IF_UNKNOWN=policy)
    try:
        effect = EFFECTS.kill(world.backend, folder, number)
        world.finish()
        taken, states = world.server.count(), world.states()
    finally:
        world.backend.stop_all()
    told = f"killed before {effect}, the {number}. effect: {states} and {taken}"
    assert sum(states.values()) == MAILS, told
    if policy == "hold":
        assert set(taken.values()) <= {1}, told
        assert states["sent"] + states["unknown"] == MAILS, told
        assert states["sent"] <= taken.total() <= states["sent"] + states["unknown"], told
        assert states["unknown"] <= 1, told
    else:
        assert states["sent"] == len(taken) == MAILS, told
        assert taken.total() <= MAILS + 1, told
    return effect


@pytest.fixture
def seeded(backend: Backend) -> Backend:
    """A backend in whose database mails wait to be sent."""
    backend.run("-c", ASK % MAILS)
    return backend


def test_before_every_effect_nothing_is_sent_twice_or_lost(seeded: Backend, tmp_path: Path) -> None:
    original = Path(seeded.url.removeprefix("sqlite:///"))

    def copied(name: str) -> str:
        return f"sqlite:///{shutil.copy(original, tmp_path / f'{name}.db')}"

    world = World.begin(seeded, tmp_path / "whole", copied("whole"))
    effects = EFFECTS.names(world.backend, world.folder, world.is_over)
    world.backend.stop_all()
    assert len(effects) == EFFECTS_OF_TWO
    assert Counter(effects) >= Counter(commit=MAILS + 2, connect=1, mail=2, rcpt=2, data=2)
    assert world.server.count().total() == MAILS

    def one(number: int) -> str:
        policy = ("hold", "repeat")[number % 2]
        return killed(seeded, tmp_path / f"{number}", copied(f"{number}"), number, policy)

    with ThreadPoolExecutor(4) as runs:
        assert set(runs.map(one, range(1, len(effects) + 1))) == set(effects)


@pytest.mark.nightly
@on_every_server
def test_wherever_it_is_killed_nothing_is_sent_twice_or_lost(
    backend: Backend, tmp_path: Path
) -> None:
    at_random = random.Random(0)
    for run in range(KILLS):
        backend.execute("DELETE FROM notifications")
        backend.run("-c", ASK % MAILS)
        number, policy = at_random.randint(1, EFFECTS_OF_TWO), at_random.choice(["hold", "repeat"])
        killed(backend, tmp_path / f"{run}", backend.url, number, policy)
