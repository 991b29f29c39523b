"""An api and a worker are killed before each effect of receiving and applying webhooks.

The sender does as senders do: it repeats what was not answered, under the same id. In the end every
message was applied, and each once: a profile counts its changes, and the database its thumbnails.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.forkserver import Forked
from tests.rendered.conftest import on_every_server
from tests.rendered.kills import PROGRAM, SOON
from tests.rendered.processes import Backend, draft_of, picture
from tests.rendered.servers import free_port, running_redis
from tests.waiting import DEADLINE, wait_until

pytestmark = pytest.mark.slow

SECRET = b"known to the sender and to us"
SOURCE = {"kind": "standard", "secrets": ["whsec_" + base64.b64encode(SECRET).decode()]}
SETTINGS = SOON | {
    "WEBHOOKS_SOURCES": json.dumps({"hr": SOURCE}),
    "WEBHOOKS_ALLOWED_HOSTS": "127.0.0.1",
}
FETCH = "app.features.webhooks.public_http:PublicHttp.fetch"
# Two updates and a headshot: each is received, begun and ended, and the last one fetches.
EFFECTS = ["commit"] * 8 + ["fetch", "commit"]
# Of these a worker has seven.
OF_THE_WORKER = 7
KILLS = 67  # on each of three servers, in the nightly


@contextmanager
def serving(data: bytes) -> Iterator[str]:
    """Yield the URL of a picture."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/ada.png"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def headshot() -> Iterator[str]:
    with serving(picture(50)) as url:
        yield url


def signed(said: object, message_id: str) -> dict[str, Any]:
    """Sign a message by the standard alone, and none of the project's code."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    now = str(int(time.time()))
    text = f"{message_id}.{now}.".encode() + body
    signature = base64.b64encode(hmac.digest(SECRET, text, hashlib.sha256)).decode()
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    values = (message_id, now, f"v1,{signature}")
    return {"content": body, "headers": dict(zip(names, values, strict=True))}


@dataclass
class World:
    """An api, or a worker beside one, which is killed before effect `number` (0: never)."""

    backend: Backend
    folder: Path
    number: int
    doomed: Forked = field(init=False)
    url: str = ""
    killed_before: str = ""

    @classmethod
    def begin(cls, backend: Backend, folder: Path, number: int, **settings: str) -> World:
        folder.mkdir()
        environment = backend.environment | SETTINGS | settings
        url = environment["DATABASE_URL"]
        own = replace(backend, url=url, environment=environment, processes=[], clients=[])
        world = cls(own, folder, number)
        world.doomed = world.start(world.killed, number)
        if world.killed == "worker":
            world.start("api", 0)
        return world

    @property
    def killed(self) -> str:
        return "worker" if "REDIS_URL" in self.backend.environment else "api"

    def start(self, what: str, number: int) -> Forked:
        """Start an api or a worker that is killed before effect `number`."""
        told = {
            "KILL_ACTOR": "webhooks.apply hr",
            "KILL_BEFORE": str(number),
            "KILL_LIST": str(self.folder / what),
            "KILL_CALLS": FETCH,
        }
        port = free_port()
        if what == "api":
            self.url = f"http://127.0.0.1:{port}/webhooks/hr"
        return self.backend.run_program(PROGRAM, what, PORT=str(port), **told)

    @property
    def effects(self) -> list[str]:
        names = self.folder / self.killed
        return names.read_text().split() if names.exists() else []

    def go_on(self) -> None:
        """Start another where the first was killed."""
        if not self.number or len(self.effects) < self.number:
            return
        if self.killed == "api":
            assert self.doomed.wait(DEADLINE) == -signal.SIGKILL, "it has ended otherwise"
        else:
            with suppress(ProcessLookupError):
                # It was a child of its that has died, and it may have ended for that.
                self.backend.kill(self.doomed)
        self.killed_before = self.effects[-1]
        self.number = 0
        self.doomed = self.start(self.killed, 0)

    def send(self, said: dict[str, Any]) -> None:
        """Send a message until it is taken, and wait until it is applied."""
        message_id = uuid4().hex
        wait_until(lambda: self._is_taken(signed(said, message_id)), "the message to be taken")
        state = f"SELECT state FROM webhooks_received WHERE message_id = '{message_id}'"  # noqa: S608
        wait_until(lambda: self._is_applied(state), "the message to be applied")

    def _is_taken(self, message: dict[str, Any]) -> bool:
        self.go_on()
        try:
            answer = httpx.post(self.url, **message, timeout=DEADLINE)
        except httpx.TransportError:
            return False
        assert answer.status_code in (200, 202), answer.text
        return True

    def _is_applied(self, state: str) -> bool:
        self.go_on()
        return self.backend.query(state) == [("applied",)]

    def is_over(self) -> bool:
        self.go_on()
        return self.backend.count("SELECT count(*) FROM outbox") == 0


def killed(backend: Backend, folder: Path, headshot: str, number: int, **settings: str) -> World:
    """Let three messages be received and applied, with a kill in between; hold what is true."""
    world = World.begin(backend, folder, number, **settings)
    try:
        for version, action in enumerate(("update", "update", "import_headshot"), 1):
            data = draft_of("E-1") | {"url": headshot}
            data = data if action == "import_headshot" else draft_of("E-1")
            said = {"action": action, "timestamp": "2026-01-01T00:00:00Z", "version": version}
            world.send(said | {"data": data})
        wait_until(world.is_over, "every job to end")
        told = f"killed before {world.killed_before}, the {number}. effect"
        assert world.number == 0, f"nothing was killed: {world.effects}"
        assert world.backend.query("SELECT version FROM profiles") == [(2,)], told
        assert world.backend.count("SELECT count(*) FROM effects") == 1, told
        assert world.backend.count("SELECT count(*) FROM webhooks_received") == 3, told
    finally:
        world.backend.stop_all()
    return world


Trial = Callable[..., World]


@pytest.fixture
def trials(backend: Backend, tmp_path: Path, headshot: str) -> Trial:
    """Kill before an effect, each time on a database of its own."""
    original = Path(backend.url.removeprefix("sqlite:///"))

    def trial(number: int, **settings: str) -> World:
        copy = shutil.copy(original, tmp_path / f"{number}.db")
        own = settings | {"DATABASE_URL": f"sqlite:///{copy}"}
        return killed(backend, tmp_path / f"{number}", headshot, number, **own)

    return trial


def test_before_every_effect_of_an_api_nothing_is_lost_or_doubled(trials: Trial) -> None:
    assert trials(0, JOB_LEASE="PT1M").effects == EFFECTS
    with ThreadPoolExecutor(4) as runs:
        worlds = runs.map(trials, range(1, len(EFFECTS) + 1))
        assert {each.killed_before for each in worlds} == set(EFFECTS)


def test_before_every_effect_of_a_worker_nothing_is_lost_or_doubled(
    trials: Trial, tmp_path: Path
) -> None:
    def trial(number: int) -> World:
        (folder := tmp_path / f"redis-{number}").mkdir()
        with running_redis(folder) as (redis_url, _):
            return trials(number, REDIS_URL=redis_url)

    with ThreadPoolExecutor(4) as runs:
        worlds = list(runs.map(trial, range(1, OF_THE_WORKER + 1)))
    assert all(each.killed_before for each in worlds)


@pytest.mark.nightly
@on_every_server
def test_wherever_it_is_killed_nothing_is_lost_or_doubled(
    backend: Backend, tmp_path: Path, headshot: str
) -> None:
    at_random = random.Random(0)
    for run in range(KILLS):
        for table in ("webhooks_received", "webhook_subjects", "profiles", "effects"):
            backend.execute(f"DELETE FROM {table}")  # noqa: S608
        number = at_random.randint(1, len(EFFECTS))
        killed(backend, tmp_path / f"{run}", headshot, number)
