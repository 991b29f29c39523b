"""Jobs of a rendered project survive kill -9 of whoever holds them, and take effect once.

Real processes, a real Redis and a real database; the database counts the effects, not the code that
is tested.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.rendered.conftest import on_each_kind
from tests.rendered.processes import Backend, create_profile, picture, upload
from tests.rendered.servers import running_redis
from tests.waiting import DEADLINE, wait_until

pytestmark = pytest.mark.slow

SHORT_LEASE = {"JOB_LEASE": "PT3S"}
BEGUN = "SELECT count(*) FROM outbox WHERE attempts = 1"


@on_each_kind
def test_without_redis_the_api_does_the_jobs(backend: Backend) -> None:
    api, client = backend.start_api()
    for number in range(10):
        upload(client, create_profile(client, number), picture())
    backend.wait_for_thumbnails(10)
    backend.assert_each_job_took_effect_once(10)
    answer = client.get("/v1/profiles")
    assert {item["headshot"] for item in answer.json()["data"]["items"]} == {"ready"}
    api.send_signal(signal.SIGTERM)
    assert (
        api.wait(DEADLINE) == -signal.SIGTERM
    )  # uvicorn ends in order and then by the signal it got


@on_each_kind
def test_with_redis_the_workers_do_them(backend: Backend, tmp_path: Path) -> None:
    with running_redis(tmp_path) as (url, _):
        _, client = backend.start_api(REDIS_URL=url)
        worker = backend.spawn([backend.python, "-m", "app", "worker"], REDIS_URL=url)
        for number in range(20):
            upload(client, create_profile(client, number), picture())
        backend.wait_for_thumbnails(20)
        backend.assert_each_job_took_effect_once(20)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(DEADLINE) == 0


@on_each_kind
def test_a_killed_api_loses_no_job_that_it_was_running(backend: Backend) -> None:
    api, client = backend.start_api(**SHORT_LEASE)
    path = create_profile(client, 1)
    upload(client, path, picture(3500))
    wait_until(lambda: backend.count(BEGUN) == 1, "the job to begin")
    backend.kill(api)
    assert backend.count("SELECT count(*) FROM effects") == 0
    backend.start_api(**SHORT_LEASE)
    backend.wait_for_thumbnails(1)
    backend.assert_each_job_took_effect_once(1)


@on_each_kind
def test_an_api_killed_between_commit_and_word_loses_no_job(
    backend: Backend, tmp_path: Path
) -> None:
    with running_redis(tmp_path) as (url, redis):
        api, client = backend.start_api(REDIS_URL=url, **SHORT_LEASE)
        paths = [create_profile(client, number) for number in range(5)]
        redis.send_signal(signal.SIGSTOP)  # the api waits for Redis to tell of them
        for path in paths:
            upload(client, path, picture())
        backend.kill(api)
        redis.send_signal(signal.SIGCONT)
        assert backend.count("SELECT count(*) FROM outbox") == 5
        backend.start_worker(REDIS_URL=url, **SHORT_LEASE)
        backend.wait_for_thumbnails(5)
        backend.assert_each_job_took_effect_once(5)


@on_each_kind
def test_a_worker_killed_in_mid_job_loses_none_and_repeats_none(
    backend: Backend, tmp_path: Path
) -> None:
    with running_redis(tmp_path) as (url, _):
        _, client = backend.start_api(REDIS_URL=url, **SHORT_LEASE)
        worker = backend.start_worker(REDIS_URL=url, **SHORT_LEASE)
        for number in range(3):
            upload(client, create_profile(client, number), picture(3500))
        wait_until(lambda: backend.count(BEGUN) > 0, "jobs to begin")
        backend.kill(worker)
        assert backend.count("SELECT count(*) FROM effects") < 3
        backend.start_worker(REDIS_URL=url, **SHORT_LEASE)
        backend.wait_for_thumbnails(3)
        backend.assert_each_job_took_effect_once(3)


@on_each_kind
def test_jobs_outlive_a_redis_that_forgets_everything(backend: Backend, tmp_path: Path) -> None:
    with running_redis(tmp_path) as (url, _):
        _, client = backend.start_api(REDIS_URL=url, **SHORT_LEASE)
        for number in range(5):
            upload(client, create_profile(client, number), picture())
        flush = ["redis-cli", "-u", url, "flushall"]
        subprocess.run(flush, check=True, stdout=subprocess.DEVNULL, env=os.environ)
        backend.start_worker(REDIS_URL=url, **SHORT_LEASE)
        backend.wait_for_thumbnails(5)
        backend.assert_each_job_took_effect_once(5)
