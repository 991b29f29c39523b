"""Real workers are drained for a migration, and go on afterwards, whatever happens."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from tests.rendered.migrate.kit import Kit, whole_copy_of
from tests.rendered.migrate.test_locks import said_until
from tests.rendered.processes import Backend, create_profile, picture, upload
from tests.rendered.servers import running_redis
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

QUICK = {"JOB_LEASE": "PT300S", "JOB_POLL": "PT0.2S"}
PAUSED = "SELECT count(*) FROM job_runners WHERE state = 'paused'"
HELD = "SELECT count(*) FROM leases"
RUNNERS = "SELECT count(*) FROM job_runners"
# Run (as_sql: only read), it lasts until the test has looked at what happens meanwhile; nothing is
# locked before its end.
SLOW = """
import pathlib, time
while not (op.get_context().as_sql or pathlib.Path("go").exists()):
    time.sleep(0.02)
op.create_table("later", sa.Column("id", sa.Integer, primary_key=True))
"""


@pytest.fixture
def kit(backend: Backend, tmp_path: Path) -> Kit:
    """The project's own kit, with a revision more that waits for a file."""
    kit = whole_copy_of(backend.project, tmp_path / "kit", backend.url)
    (head,) = kit.version()
    kit.write("9999", str(head), SLOW)
    return kit


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("killed", [False, True], ids=["done", "killed"])
def test_workers_are_drained_and_no_job_is_lost_or_run_twice(
    backend: Backend, kit: Kit, tmp_path: Path, *, killed: bool
) -> None:
    if killed:  # nobody resumes the jobs then: their pause ends by itself
        shorten_pause(kit)
    with running_redis(tmp_path) as (url, _):
        for _ in range(2):
            backend.start("worker", REDIS_URL=url, **QUICK)
        _, client = backend.start_api(REDIS_URL=url, **QUICK)
        wait_until(lambda: backend.count(RUNNERS) == 2, "both workers")
        for number in range(8):
            upload(client, create_profile(client, number), picture(1200))
        migration = kit.start("migrate", "upgrade", "--pause-workers")
        wait_until(lambda: backend.count(PAUSED) == 2, "both to be paused")
        done = backend.count("SELECT count(*) FROM effects")
        upload(client, create_profile(client, 8), picture(100))
        if killed:
            migration.kill()
        else:
            (kit.folder / "go").touch()
        words, _ = migration.communicate(timeout=120)
        if not killed:
            assert migration.returncode == 0, words
            assert "the jobs are paused" in words
            assert "the jobs are resumed" in words
            assert kit.version() == {"9999"}
        assert done <= 8
        backend.wait_for_thumbnails(9, 120)
        backend.assert_each_job_took_effect_once(9)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("pause", [4, pytest.param(60, marks=pytest.mark.nightly)])
def test_the_pause_lasts_as_long_as_the_migration(
    backend: Backend, kit: Kit, tmp_path: Path, pause: int
) -> None:
    """Half as long again as a pause that is not renewed; and a second one waits for its end."""
    if pause < 60:
        shorten_pause(kit)
    with running_redis(tmp_path) as (url, _):
        backend.start("worker", REDIS_URL=url, **QUICK)
        _, client = backend.start_api(REDIS_URL=url, **QUICK)
        migration = kit.start("migrate", "upgrade", "--pause-workers")
        wait_until(lambda: backend.count(PAUSED) == 1, "the worker to be paused")
        upload(client, create_profile(client, 1), picture(100))
        second = kit.start("migrate", "upgrade", "--pause-workers")
        end = time.monotonic() + pause * 1.5
        wait_until(lambda: time.monotonic() > end, "the end of a pause that is not renewed")
        assert backend.count("SELECT count(*) FROM effects") == 0
        assert "9999" not in kit.version()
        (kit.folder / "go").touch()
        words, _ = migration.communicate(timeout=120)
        assert migration.returncode == 0, words
        others, _ = second.communicate(timeout=120)
        assert second.returncode == 0, others
        assert "the jobs are paused by" in others
        backend.wait_for_thumbnails(1, 120)
        backend.assert_each_job_took_effect_once(1)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_pause_that_is_lost_stops_the_migration(backend: Backend, kit: Kit) -> None:
    shorten_pause(kit)
    migration = kit.start("migrate", "upgrade", "--pause-workers")
    wait_until(lambda: backend.count(HELD) == 1, "the pause")
    backend.execute("ALTER TABLE leases RENAME TO away")
    words = said_until(migration, "the pause is lost")
    (kit.folder / "go").touch()
    words += migration.communicate(timeout=120)[0]
    backend.execute("ALTER TABLE away RENAME TO leases")
    assert migration.returncode == 3, words
    assert "could not be kept paused" in words
    assert "9999" not in kit.version()


def shorten_pause(kit: Kit) -> None:
    """Let the pause of whoever dies last four seconds, not a minute."""
    drain = kit.folder / "app/features/operations/drain.py"
    text = drain.read_text("utf-8")
    assert "LASTING = timedelta(seconds=60)" in text
    drain.write_text(text.replace("(seconds=60)", "(seconds=4)"), "utf-8")


def test_jobs_that_do_not_end_keep_the_migration_from_beginning(backend: Backend, kit: Kit) -> None:
    now = "datetime('now', '+2 seconds')"
    columns = "(id, name, state, running, seen_at)"
    values = (
        "('00000000000000000000000000000001', 'host:1', 'draining', 3, datetime('now', '+1 hour'))"
    )
    backend.execute(f"INSERT INTO job_runners {columns} VALUES {values}")  # noqa: S608
    words = kit.migrate("upgrade", "--pause-workers", "--drain-timeout", "0.2", code=4)
    assert "still at work after 0.2 s: host:1 (3 jobs)" in words
    assert "9999" not in kit.version()
    assert backend.count(f"SELECT count(*) FROM leases WHERE until > {now}") == 0  # noqa: S608


def test_api_and_worker_refuse_to_start_behind_the_code(
    unmigrated: Backend, tmp_path: Path
) -> None:
    with running_redis(tmp_path) as (url, _):
        both = [unmigrated.start(command, REDIS_URL=url, PORT="0") for command in ("api", "worker")]
        assert all(process.wait(60) != 0 for process in both)


def test_without_a_seam_for_jobs_the_option_is_refused(kit: Kit) -> None:
    (kit.folder / "go").touch()
    shutil.rmtree(kit.folder / "app/features/operations")
    assert "no jobs that can be paused" in kit.migrate("upgrade", "--pause-workers", code=3)
    kit.migrate("upgrade")
    assert kit.version() == {"9999"}
