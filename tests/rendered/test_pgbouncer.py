"""A project behind PgBouncer in transaction mode, which its `DATABASE_URL` says: nothing fails."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from tests.rendered.conftest import on_postgresql
from tests.rendered.load import writers
from tests.rendered.processes import Backend
from tests.rendered.servers import SqlServer, running_pgbouncer, running_redis
from tests.waiting import DEADLINE, wait_until

pytestmark = [pytest.mark.slow, on_postgresql]

READERS = 16
LISTS = 400
CREATED = 100
# How many prepared statements a session has that has read the same twice.
KEPT = """
import asyncio, sys
from sqlalchemy import text
from app.core.database import Database

async def main():
    database = Database(sys.argv[1])
    for _ in range(3):
        kept = await database.reads.execute(text("SELECT count(*) FROM pg_prepared_statements"))
    print(kept.scalar_one())
    await database.close()

asyncio.run(main())
"""
# What a snapshot sees of rows that come after it has begun, and the database at last.
SEEN = """
import asyncio, sys
from sqlalchemy import text
from app.core.database import Database
from app.core.snapshots import snapshot

COUNT, INSERT = text("SELECT count(*) FROM effects"), text("INSERT INTO effects VALUES ('x')")

async def main():
    database = Database(sys.argv[1])
    async with snapshot(sys.argv[1]) as moment:
        for _ in range(5):
            async with database.writes() as session:
                await session.execute(INSERT)
            async for rows in moment.batches(COUNT):
                print(rows[0][0])
    print((await database.reads.execute(COUNT)).scalar_one())
    await database.close()

asyncio.run(main())
"""


@pytest.fixture
def pooled(backend: Backend, postgresql: SqlServer) -> Iterator[Backend]:
    """The project, whose processes reach its database through a pooler with three sessions."""
    with running_pgbouncer(postgresql, "transaction") as pooler:
        yield through(pooler, backend)


def test_lists_creations_and_jobs_of_very_many_at_once(pooled: Backend, tmp_path: Path) -> None:
    with running_redis(tmp_path) as (redis, _):
        _, client = pooled.start_api(REDIS_URL=redis)
        pooled.start_worker(REDIS_URL=redis)
        with writers(client.base_url, READERS) as outcomes:
            with ThreadPoolExecutor(READERS) as readers:
                statuses = set(readers.map(lambda _: listed(client), range(LISTS)))
            wait_until(lambda: len(outcomes.uploaded) >= CREATED, "pictures to be uploaded")
        assert statuses == {200}
        assert not outcomes.wrong
        assert not outcomes.unknown
        pooled.wait_for_thumbnails(len(outcomes.uploaded))
        pooled.assert_each_job_took_effect_once(len(outcomes.uploaded))


def test_without_a_redis_the_api_does_the_jobs(pooled: Backend) -> None:
    _, client = pooled.start_api()
    with writers(client.base_url, 4) as outcomes:
        wait_until(lambda: len(outcomes.uploaded) >= 10, "pictures to be uploaded")
    assert not outcomes.wrong
    pooled.wait_for_thumbnails(len(outcomes.uploaded))


def test_one_moment_is_read_through_it(pooled: Backend) -> None:
    seen = pooled.output("-c", SEEN, pooled.environment["DATABASE_URL"])
    assert seen.split() == ["0"] * 5 + ["5"]


def test_statements_are_kept_where_nothing_stands_between(pooled: Backend) -> None:
    assert int(pooled.output("-c", KEPT, pooled.environment["DATABASE_URL"])) == 0
    assert int(pooled.output("-c", KEPT, pooled.url)) > 0


def test_migrations_pass_it_by(unmigrated: Backend, postgresql: SqlServer) -> None:
    with running_pgbouncer(postgresql, "transaction") as pooler:
        pooled = through(pooler, unmigrated)
        refused = pooled.done("-m", "migrate", "upgrade")
        assert refused.returncode != 0
        assert "Set DIRECT_DATABASE_URL" in refused.stdout + refused.stderr
        direct = {"DIRECT_DATABASE_URL": unmigrated.url}
        replace(pooled, environment=pooled.environment | direct).run("-m", "migrate", "upgrade")
        assert "pending" not in pooled.output("-m", "migrate", "status")


def through(pooler: str, backend: Backend) -> Backend:
    """Return the project as it reaches its database through the pooler."""
    url = f"{pooler}{sa.make_url(backend.url).database}?pgbouncer=true"
    return replace(backend, environment=backend.environment | {"DATABASE_URL": url})


def listed(client: httpx.Client) -> int:
    """Ask for a list on a connection of its own."""
    return httpx.get(client.base_url.join("/v1/profiles?limit=5"), timeout=DEADLINE).status_code
