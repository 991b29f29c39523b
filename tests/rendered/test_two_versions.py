"""A deployment that rolls: a released version and this one, on one database and one Redis.

Whatever an older relay postpones it postpones for an hour here: a job that waits for it is a test
that fails.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import rendered
from tests.rendered.processes import Backend, create_profile, picture, upload
from tests.rendered.servers import running_redis
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

OLDER = ["0.4.0", "0.9.0"]
QUICK = {"JOB_POLL": "PT0.02S"}
FOR_AN_HOUR = {"JOB_RESEND": "PT1H", "JOB_LEASE": "PT1H"}
NEW_KIND = """
from app.core.jobs import Attempt, job

@job("trial.new")
async def new(_: Attempt) -> None: ...
"""
WAITING = "SELECT count(*) FROM outbox WHERE actor = 'trial.new'"


@pytest.fixture(params=OLDER)
def older(request: pytest.FixtureRequest, backend: Backend, tmp_path: Path) -> Iterator[Backend]:
    """A release on the database and in the environment of `backend`."""
    folder = tmp_path / "older"
    folder.mkdir()
    answers = "preset=custom", "database=postgresql", "features=[operations]"
    old = rendered(folder, *answers, version=request.param)
    (old / ".venv").symlink_to(backend.project / ".venv")
    found = replace(backend, project=old, processes=[], clients=[])
    found.environment = backend.environment | QUICK | FOR_AN_HOUR
    yield found
    found.stop_all()


@contextmanager
def with_new_kind(backend: Backend) -> Iterator[None]:
    """Let the project have a kind of job that no release knows."""
    jobs = backend.project / "app/modules/profiles/jobs.py"
    before = jobs.read_text("utf-8")
    jobs.write_text(before + NEW_KIND, "utf-8")
    yield
    jobs.write_text(before, "utf-8")


def enqueue_new(backend: Backend, number: int) -> None:
    program = textwrap.dedent(f"""
        import asyncio
        from app import modules
        from app.core import outbox
        from app.core.database import Database
        from app.settings import Settings

        async def main():
            modules.load_jobs()
            database = Database(Settings().database_url)
            async with database.writes() as session:
                for _ in range({number}):
                    await outbox.enqueue(session, "trial.new")
            await database.close()

        asyncio.run(main())
    """)
    backend.run("-c", program)


def test_an_older_api_and_a_newer_worker(backend: Backend, older: Backend, tmp_path: Path) -> None:
    with running_redis(tmp_path) as (url, _):
        _, client = older.start_api(REDIS_URL=url)
        for number in range(5):
            upload(client, create_profile(client, number), picture(100))
        backend.start_worker(REDIS_URL=url, **QUICK)
        for number in range(5, 10):
            upload(client, create_profile(client, number), picture(100))
        backend.wait_for_thumbnails(10)
        backend.assert_each_job_took_effect_once(10)


def test_a_newer_api_and_an_older_worker(backend: Backend, older: Backend, tmp_path: Path) -> None:
    with running_redis(tmp_path) as (url, _):
        older.start("worker", REDIS_URL=url)
        _, client = backend.start_api(REDIS_URL=url)
        for number in range(10):
            upload(client, create_profile(client, number), picture(100))
        backend.wait_for_thumbnails(10)
        backend.assert_each_job_took_effect_once(10)


def test_all_at_once_and_none_waits_for_who_does_not_know_it(
    backend: Backend, older: Backend, tmp_path: Path
) -> None:
    with running_redis(tmp_path) as (url, _), with_new_kind(backend):
        clients = [each.start_api(REDIS_URL=url)[1] for each in (older, backend)]
        older.start("worker", REDIS_URL=url)
        backend.start_worker(REDIS_URL=url)
        for number in range(20):
            client = clients[number % 2]
            upload(client, create_profile(client, number), picture(100))
            enqueue_new(backend, 1)
        backend.wait_for_thumbnails(20)
        backend.assert_each_job_took_effect_once(20)
        wait_until(lambda: backend.count(WAITING) == 0, "the jobs of the new kind")


def test_rows_that_are_left_of_an_older_release(
    backend: Backend, older: Backend, tmp_path: Path
) -> None:
    with running_redis(tmp_path) as (url, _):
        api, client = older.start_api(REDIS_URL=url)
        for number in range(5):
            upload(client, create_profile(client, number), picture(100))
        older.kill(api)
        backend.start_worker(REDIS_URL=url, **QUICK)
        backend.wait_for_thumbnails(5)
        backend.assert_each_job_took_effect_once(5)
