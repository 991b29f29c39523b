"""A process that sends webhooks is killed before each of its effects: each arrives all the same.

What was taken and not yet written down is sent again, under the same `webhook-id`: one at most for
each kill. The receiver is real, notes what it is sent before it answers, and refuses the first.
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
from tests.rendered.processes import Backend
from tests.rendered.servers import free_port, listens
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

EVENTS = 2
# One batch: begun, claimed, sent and written down for each, ended; and another for the first.
EFFECTS_OF_TWO = 12
KILLS = 67  # on each of three servers, in the nightly
# What was refused is sent again soon.
HURRY = """
from datetime import timedelta
from app.features.webhooks.outgoing import schedule
schedule.PAUSES = (timedelta(seconds=0.2), *schedule.PAUSES[1:])
"""
EFFECTS = Effects(
    "webhooks.deliver", ["app.features.webhooks.public_http:PublicHttp.post"], first=HURRY
)
RECEIVING = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    refused = 0

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        status = 204 if Handler.refused else 500
        Handler.refused += 1
        with open(sys.argv[2], "a") as seen:
            print(status, self.headers["webhook-id"], file=seen)
        self.send_response(status)
        self.end_headers()

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
PUBLISH = """
import asyncio, sys
from app.core.database import Database
from app.features import webhooks
from app.features.webhooks.outgoing import endpoints
from app.settings import Settings

async def main(number, url):
    database = Database(Settings().database_url)
    async with database.writes() as session:
        await endpoints.add(session, url, ["profile.*"])
        for each in range(number):
            await webhooks.publish(session, "profile.updated", {"number": each})
    await database.close()

asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
"""


@dataclass(frozen=True)
class World:
    """A backend with webhooks to send, and who receives them."""

    backend: Backend
    seen: Path

    @classmethod
    def begin(cls, seeded: Backend, folder: Path, url: str) -> World:
        folder.mkdir()
        port, seen = free_port(), folder / "seen"
        own = {"DATABASE_URL": url, "WEBHOOKS_AT_ONCE": "1", "WEBHOOKS_ALLOWED_HOSTS": "127.0.0.1"}
        environment = seeded.environment | own
        backend = replace(seeded, url=url, environment=environment, processes=[], clients=[])
        backend.execute(f"UPDATE webhook_endpoints SET url = 'http://127.0.0.1:{port}/'")  # noqa: S608
        backend.run_program(RECEIVING, str(port), str(seen))
        wait_until(lambda: listens(port), "the receiver to listen")
        return cls(backend, seen)

    def answers(self) -> dict[str, Counter[str]]:
        """How often each webhook was sent, by what was answered."""
        lines = [each.split() for each in self.seen.read_text().splitlines()]
        of_status = {"204": Counter[str](), "500": Counter[str]()}
        for status, name in lines:
            of_status[status][name.replace("-", "")] += 1
        return of_status

    def delivered(self) -> set[str]:
        rows = self.backend.query("SELECT id FROM webhook_deliveries WHERE state = 'delivered'")
        return {str(row[0]).replace("-", "") for row in rows}

    def is_over(self) -> bool:
        return self.backend.count("SELECT count(*) FROM outbox") == 0


def killed(seeded: Backend, folder: Path, url: str, number: int) -> str:
    """Kill it before one effect, let another process go on, and hold what is true then."""
    world = World.begin(seeded, folder, url)
    try:
        effect = EFFECTS.kill(world.backend, folder, number)
        world.backend.start_api(**SOON)
        wait_until(world.is_over, "every job to end")
        answers, delivered = world.answers(), world.delivered()
    finally:
        world.backend.stop_all()
    told = f"killed before {effect}, the {number}. effect: {answers}, {delivered}"
    taken = answers["204"]
    assert len(delivered) == EVENTS, told
    assert set(taken) == delivered, told
    assert answers["500"].total() == 1, told
    assert taken.total() <= EVENTS + 1, told
    return effect


@pytest.fixture
def seeded(backend: Backend) -> Backend:
    """A backend in whose database webhooks wait to be sent."""
    backend.run("-c", PUBLISH, str(EVENTS), "http://127.0.0.1:1/")
    return backend


def test_before_every_effect_each_arrives_under_one_id(seeded: Backend, tmp_path: Path) -> None:
    original = Path(seeded.url.removeprefix("sqlite:///"))

    def copied(name: str) -> str:
        return f"sqlite:///{shutil.copy(original, tmp_path / f'{name}.db')}"

    world = World.begin(seeded, tmp_path / "whole", copied("whole"))
    effects = EFFECTS.names(world.backend, tmp_path / "whole", world.is_over)
    world.backend.stop_all()
    assert len(effects) == EFFECTS_OF_TWO, effects
    assert Counter(effects) == {"commit": EFFECTS_OF_TWO - EVENTS - 1, "post": EVENTS + 1}
    assert world.answers()["204"].total() == EVENTS

    def one(number: int) -> str:
        return killed(seeded, tmp_path / f"{number}", copied(f"{number}"), number)

    with ThreadPoolExecutor(4) as runs:
        assert set(runs.map(one, range(1, len(effects) + 1))) == set(effects)


@pytest.mark.nightly
@on_every_server
def test_wherever_it_is_killed_each_arrives_under_one_id(backend: Backend, tmp_path: Path) -> None:
    at_random = random.Random(0)
    for run in range(KILLS):
        backend.execute("DELETE FROM webhook_events", "DELETE FROM webhook_endpoints")
        backend.run("-c", PUBLISH, str(EVENTS), "http://127.0.0.1:1/")
        killed(backend, tmp_path / f"{run}", backend.url, at_random.randint(1, EFFECTS_OF_TWO))
