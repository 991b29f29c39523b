"""The rendered project's processes among each other: who sends, who schedules, who ends, who waits.

Real processes, a real Redis and a real database; the database counts the effects, not the code that
is tested.
"""

from __future__ import annotations

import json
import signal
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.rendered.processes import Backend, create_profile, picture, upload
from tests.rendered.servers import free_port, running_redis
from tests.waiting import DEADLINE, wait_until

pytestmark = pytest.mark.slow

BEGUN = "SELECT count(*) FROM outbox WHERE began_at IS NOT NULL"
TICKS = "SELECT count(*) FROM outbox WHERE actor = 'trial.tick'"
# Long enough that no job is begun again because a lease ran out.
LONG_LEASE = {"JOB_LEASE": "PT300S"}
TRIAL = """
import asyncio
from app.core.jobs import Attempt, job
from app.features.operations import Cron

@job("trial.tick", Cron("* * * * * *"))
async def tick(_: Attempt) -> None:
    await asyncio.sleep(0)

@job("trial.sleep")
async def sleep(_: Attempt, seconds: float) -> None:
    await asyncio.sleep(seconds)

"""


@pytest.fixture
def trial(backend: Backend) -> Iterator[Backend]:
    """The project with actors of the test's own."""
    tasks = backend.project / "app/modules/profiles/jobs.py"
    before = tasks.read_text("utf-8")
    trial = backend.project / "app/trial.py"
    trial.write_text(TRIAL, "utf-8")
    tasks.write_text(f"{before}\nimport app.trial\n", "utf-8")
    yield backend
    backend.stop_all()
    tasks.write_text(before, "utf-8")
    trial.unlink()


def jobs(backend: Backend, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m app jobs`."""
    return backend.done("-m", "app", "jobs", *arguments)


def enqueue(backend: Backend, actor: str, *each: dict[str, object]) -> None:
    """Ask for jobs as the project's own code does, in one transaction."""
    program = textwrap.dedent(f"""
        import asyncio, json
        from app import modules
        from app.core import outbox
        from app.core.database import Database
        from app.settings import Settings

        async def main():
            modules.load_jobs()
            database = Database(Settings().database_url)
            async with database.writes() as session:
                for arguments in json.loads({json.dumps(json.dumps(each))}):
                    await outbox.enqueue(session, {actor!r}, **arguments)
            await database.close()

        asyncio.run(main())
    """)
    backend.run("-c", program)


def runners(backend: Backend) -> list[dict[str, object]]:
    """The processes that run jobs, as they say themselves."""
    found: list[dict[str, object]] = json.loads(jobs(backend, "status", "--json").stdout)["runners"]
    return found


def test_two_workers_do_each_job_once(backend: Backend, tmp_path: Path) -> None:
    with running_redis(tmp_path) as (url, _):
        _, client = backend.start_api(REDIS_URL=url, **LONG_LEASE)
        for number in range(30):
            upload(client, create_profile(client, number), picture(100))
        for _ in range(2):
            backend.start_worker(REDIS_URL=url, JOB_POLL="PT0.02S", **LONG_LEASE)
        backend.wait_for_thumbnails(30)
        backend.assert_each_job_took_effect_once(30)


def test_two_schedulers_make_one_job_of_a_tick(trial: Backend, tmp_path: Path) -> None:
    # The jobs stay in the outbox, because the only workers take no jobs of that queue.
    with running_redis(tmp_path) as (url, _):
        settings = {"REDIS_URL": url, "JOB_POLL": "PT0.1S"}
        workers = [trial.start_worker("--queues", "high", **settings) for _ in range(2)]
        wait_until(lambda: trial.count(TICKS) > 3, "ticks")
        trial.kill(workers[0])
        before = trial.count(TICKS)
        wait_until(lambda: trial.count(TICKS) > before + 2, "the other to lead")
        trial.kill(workers[1])
    made = trial.count(TICKS)
    seconds = "SELECT count(DISTINCT substr(created_at, 1, 19)) FROM outbox"
    assert trial.count(seconds) >= made - 1


@pytest.mark.parametrize("embedded", [True, False], ids=["api", "worker"])
def test_a_told_process_ends_its_jobs_and_releases_the_others(
    trial: Backend, tmp_path: Path, *, embedded: bool
) -> None:
    with running_redis(tmp_path) as (url, _):
        settings = {"JOB_GRACE": "PT2S", **LONG_LEASE}
        enqueue(trial, "trial.sleep", {"seconds": 1.5}, {"seconds": 100})
        if embedded:
            process, _ = trial.start_api(**settings)
        else:
            process = trial.start_worker(REDIS_URL=url, **settings)
        sleeping = "actor = 'trial.sleep'"
        wait_until(lambda: trial.count(f"{BEGUN} AND {sleeping}") == 2, "both jobs to begin")
        process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE)
    columns = "SELECT attempts, began_at, due_at <= datetime('now', '+1 second'), error FROM outbox"
    ((attempts, began, due, error),) = trial.query(f"{columns} WHERE {sleeping}")
    assert (attempts, began, due) == (1, None, 1)
    assert "CutOff" in str(error)
    assert runners(trial) == []


def test_a_pause_drains_every_worker_and_a_resume_loses_nothing(
    backend: Backend, tmp_path: Path
) -> None:
    with running_redis(tmp_path) as (url, _):
        _, client = backend.start_api(REDIS_URL=url, **LONG_LEASE)
        for _ in range(2):
            backend.start_worker(REDIS_URL=url, **LONG_LEASE)
        wait_until(lambda: len(runners(backend)) == 2, "both workers")
        for number in range(12):
            upload(client, create_profile(client, number), picture(1500))
        paused = jobs(backend, "pause", "--wait", "30")
        assert paused.returncode == 0, paused.stderr
        assert {runner["state"] for runner in runners(backend)} == {"paused"}
        done = backend.count("SELECT count(*) FROM effects")
        upload(client, create_profile(client, 12), picture(100))
        with pytest.raises(AssertionError):
            wait_until(lambda: backend.count(BEGUN) > 0, "nothing to begin", 1)
        assert backend.count("SELECT count(*) FROM effects") == done
        assert jobs(backend, "resume").stdout == "resumed\n"
        backend.wait_for_thumbnails(13)
        backend.assert_each_job_took_effect_once(13)


def test_the_api_alone_pauses_too_and_resumes_by_itself(backend: Backend) -> None:
    _, client = backend.start_api()
    assert jobs(backend, "pause", "--for", "4s", "--wait", "10").returncode == 0
    upload(client, create_profile(client, 1), picture(100))
    assert backend.count("SELECT count(*) FROM effects") == 0
    backend.wait_for_thumbnails(1)
    backend.assert_each_job_took_effect_once(1)


def test_a_worker_says_whether_it_is_ready(backend: Backend, tmp_path: Path) -> None:
    with running_redis(tmp_path) as (url, redis):
        port = free_port()
        backend.start_worker(REDIS_URL=url, WORKER_HEALTH_PORT=str(port))

        def status(path: str) -> int:
            try:
                return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=DEADLINE).status_code
            except httpx.TransportError:
                return 0

        wait_until(lambda: status("/readyz") == 200, "the worker to become ready")
        redis.terminate()
        redis.wait()
        wait_until(lambda: status("/readyz") == 503, "the worker to miss its redis")
        assert status("/livez") == 200


def test_an_idle_worker_is_woken_by_a_job(trial: Backend, tmp_path: Path) -> None:
    """Nothing is polled within an hour: who begins a job was woken. How soon, `make bench` says."""
    with running_redis(tmp_path) as (url, _):
        _, client = trial.start_api(REDIS_URL=url, JOB_POLL="PT1H")
        trial.start_worker(REDIS_URL=url, JOB_POLL="PT1H")
        wait_until(lambda: len(runners(trial)) == 1, "the worker")
        for number in range(10):
            upload(client, create_profile(client, number), picture())
            trial.wait_for_thumbnails(number + 1)
