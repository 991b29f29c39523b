"""A worker that is told to end does so, and gives back its jobs: however it is told."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.rendered.processes import Backend, create_profile, members, picture, upload
from tests.rendered.servers import running_redis
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
BEGUN = "SELECT count(*) FROM outbox WHERE began_at IS NOT NULL"
SHORT = {"JOB_GRACE": "PT0.2S", "JOB_POLL": "PT0.1S"}
# What dies with its jobs leaves them leased for as long: they were not given back.
LEASE = {"JOB_LEASE": "PT10M"}
TARGETS = ["master", "group", "child"]
Way = tuple[signal.Signals, Sequence[str]]
# As a terminal that closes, systemd and Kubernetes do it, and people who are impatient.
WAYS: list[Way] = [
    (signal.SIGTERM, ["master"]),
    (signal.SIGTERM, ["group"]),
    (signal.SIGTERM, ["child", "child"]),
    (signal.SIGINT, ["group", "group"]),
    (signal.SIGHUP, ["group"]),
]


def send(worker: subprocess.Popen[bytes], number: signal.Signals, target: str) -> None:
    if target == "group":
        os.killpg(worker.pid, number)
    else:
        own = target == "master"
        for pid in [pid for pid in members(worker.pid) if (pid == worker.pid) == own]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def end(backend: Backend, url: str, way: Way, pause: float) -> None:
    """Start a worker, tell it to end while it has jobs, and hold that it did."""
    number, targets = way
    worker = backend.spawn([backend.python, "-m", "app", "worker"], REDIS_URL=url, **SHORT, **LEASE)
    wait_until(lambda: backend.count(BEGUN) > 0, "a job to begin")
    time.sleep(pause)
    for target in targets:
        send(worker, number, target)
        time.sleep(pause)
    told = f"{number.name} to {', '.join(targets)}"
    assert worker.wait(timeout=60) == 0, told
    assert list(members(worker.pid)) == [], told
    assert backend.count(BEGUN) == 0, told


def test_it_ends_and_gives_back_its_jobs(backend: Backend, tmp_path: Path) -> None:
    with running_redis(tmp_path) as (url, _):
        _, client = backend.start_api(REDIS_URL=url)
        for number, way in enumerate(WAYS):
            upload(client, create_profile(client, number), picture(3500))
            end(backend, url, way, 0.05)
        backend.start_worker(REDIS_URL=url)
        backend.wait_for_thumbnails(len(WAYS))
        backend.assert_each_job_took_effect_once(len(WAYS))


@pytest.mark.nightly
def test_whenever_it_is_told_and_however(backend: Backend, tmp_path: Path) -> None:
    """Fifty times, of which a tenth is told three times."""
    at_random = random.Random(0)
    with running_redis(tmp_path) as (url, _):
        _, client = backend.start_api(REDIS_URL=url)
        for number in range(50):
            upload(client, create_profile(client, number), picture(3500))
            times = at_random.choices([1, 2, 3], [5, 4, 1])[0]
            targets = at_random.choices(TARGETS, k=times)
            end(backend, url, (at_random.choice(SIGNALS), targets), at_random.random())
        backend.start_worker(REDIS_URL=url)
        backend.wait_for_thumbnails(50)
        backend.assert_each_job_took_effect_once(50)
