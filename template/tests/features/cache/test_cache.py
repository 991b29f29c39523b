"""A cache answers with what a read would answer, except that it reads less often."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from app.core import job_hooks
from app.core.database import Database, ReadConnection
from app.core.job_hooks import JobHook
from app.core.logging import configure_logging
from app.features.cache import cached, default_store, drop
from app.features.cache.memory import MemoryStore
from app.features.cache.redis import RedisStore
from app.features.cache.settings import CacheSettings
from app.features.cache.store import Store
from app.settings import Settings
from tests.conftest import connect, serve
from tests.features.redis import RedisServer

# A Redis that lives has the time that a busy machine needs, and one that died is soon asked again.
SETTINGS = CacheSettings(
    cache_timeout=timedelta(seconds=30), cache_pause=timedelta(milliseconds=300)
)
# One that hangs is taken for dead, and not asked again in the whole test.
IMPATIENT = CacheSettings(cache_timeout=timedelta(milliseconds=250), cache_pause=timedelta(hours=1))


class Team(BaseModel):
    name: str
    heads: int


class Source:
    """The truth, which counts how often it is read."""

    def __init__(self) -> None:
        self.heads = 1
        self.reads = 0
        self.began = asyncio.Event()

    async def read(self, name: str) -> Team:
        self.reads += 1
        self.began.set()
        heads = self.heads
        await asyncio.sleep(0.05)
        return Team(name=name, heads=heads)


class Counts(JobHook):
    """How often what came to which end."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], int] = {}

    def count(self, what: str, outcome: str, number: int) -> None:
        self.seen[what, outcome] = self.seen.get((what, outcome), 0) + number


Read = Callable[[ReadConnection, str], Coroutine[Any, Any, Team]]


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def team(source: Source) -> Read:
    """The source, cached for a minute."""
    return cached_team(source, timedelta(minutes=1))


def cached_team(source: Source, lifetime: timedelta) -> Read:
    @cached(for_=lifetime, tags=lambda name: [f"team:{name}", "teams"])
    async def team(_: ReadConnection, name: str) -> Team:
        return await source.read(name)

    return team


@pytest.fixture
def counts() -> Iterator[Counts]:
    counts = Counts()
    job_hooks.register(counts)
    yield counts
    job_hooks.unregister(counts)


@pytest.fixture
async def reads(tmp_path: Path) -> AsyncIterator[ReadConnection]:
    """A connection that the source does not use: the database of the test is busy."""
    unused = Database(f"sqlite:///{tmp_path / 'unused.db'}")
    yield unused.reads
    await unused.close()


@asynccontextmanager
async def using(store: Store) -> AsyncIterator[Store]:
    before = default_store.store()
    default_store.use(store)
    try:
        yield store
    finally:
        default_store.use(before)
        await store.close()


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Each kind of store in turn."""
    if request.param == "memory":
        async with using(MemoryStore(100)) as store:
            yield store
    else:
        url = request.getfixturevalue("server").url
        async with using(RedisStore(url, SETTINGS)) as store:
            yield store


@pytest.mark.usefixtures("store")
async def test_a_second_read_is_served_with_the_same_typed_value(
    reads: ReadConnection, source: Source, team: Read, counts: Counts
) -> None:
    first, second = await team(reads, "a"), await team(reads, "a")
    assert first == second == Team(name="a", heads=1)
    assert source.reads == 1
    await team(reads, "b")
    assert source.reads == 2
    assert counts.seen["cache_reads", "hit"] == 1
    assert counts.seen["cache_reads", "miss"] == 2


@pytest.mark.usefixtures("store")
async def test_fifty_readers_at_once_are_one_read(
    reads: ReadConnection, source: Source, team: Read
) -> None:
    teams = await asyncio.gather(*(team(reads, "a") for _ in range(50)))
    assert source.reads == 1
    assert len(teams) == 50


async def test_fifty_readers_in_two_processes_are_one_read(
    reads: ReadConnection, source: Source, team: Read, server: RedisServer
) -> None:
    """Two stores share nothing but Redis, as two processes do."""
    async with using(RedisStore(server.url, SETTINGS)):
        half = [asyncio.create_task(team(reads, "a")) for _ in range(25)]
        await asyncio.sleep(0)
        async with using(RedisStore(server.url, SETTINGS)):
            await asyncio.gather(*half, *(team(reads, "a") for _ in range(25)))
    assert source.reads == 1


@pytest.mark.usefixtures("store")
async def test_a_reader_that_gives_up_leaves_its_turn_to_the_next(
    reads: ReadConnection, source: Source, team: Read
) -> None:
    impatient = asyncio.create_task(team(reads, "a"))
    await source.began.wait()
    patient = asyncio.create_task(team(reads, "a"))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).heads == 1
    assert source.reads == 2


@pytest.mark.usefixtures("store")
async def test_what_is_kept_ends_after_its_time(reads: ReadConnection, source: Source) -> None:
    team = cached_team(source, timedelta(milliseconds=150))
    await team(reads, "a")
    await asyncio.sleep(0.2)
    await team(reads, "a")
    assert source.reads == 2


@pytest.mark.usefixtures("store")
async def test_nothing_is_an_answer_and_an_error_is_none(reads: ReadConnection) -> None:
    calls: list[str] = []

    @cached(for_=timedelta(minutes=1))
    async def find(_: ReadConnection, name: str) -> Team | None:
        calls.append(name)
        if name == "broken":
            raise LookupError(name)
        return None

    assert await find(reads, "a") is await find(reads, name="a") is None
    for _ in range(2):
        with pytest.raises(LookupError):
            await find(reads, "broken")
    assert calls == ["a", "broken", "broken"]


@pytest.mark.usefixtures("store")
async def test_a_commit_drops_what_it_made_stale_before_it_returns(
    reads: ReadConnection, source: Source, team: Read, database: Database
) -> None:
    await team(reads, "a")
    await team(reads, "b")
    async with database.writes() as session:
        source.heads = 2
        drop(session, "team:a")
        assert (await team(reads, "a")).heads == 1  # not committed: others must not see it
    assert (await team(reads, "a")).heads == 2
    assert (await team(reads, "b")).heads == 1


@pytest.mark.usefixtures("store")
async def test_a_rollback_drops_nothing(
    reads: ReadConnection, source: Source, team: Read, database: Database
) -> None:
    await team(reads, "a")
    async with database.writes() as session:
        drop(session, "teams")
        await session.rollback()
    await team(reads, "a")
    assert source.reads == 1


@pytest.mark.usefixtures("store")
async def test_a_savepoint_drops_nothing_by_itself(
    reads: ReadConnection, source: Source, team: Read, database: Database
) -> None:
    await team(reads, "a")
    async with database.writes() as session:
        async with session.begin_nested():
            drop(session, "teams")
        await team(reads, "a")
        assert source.reads == 1
    await team(reads, "a")
    assert source.reads == 2


@pytest.mark.usefixtures("store")
async def test_a_read_that_began_before_the_commit_is_not_kept_after_it(
    reads: ReadConnection, source: Source, team: Read, database: Database
) -> None:
    slow = asyncio.create_task(team(reads, "a"))
    await source.began.wait()
    async with database.writes() as session:
        source.heads = 2
        drop(session, "teams")
    assert (await slow).heads == 1
    assert (await team(reads, "a")).heads == 2


async def test_a_redis_that_dies_costs_the_cache_and_not_the_answer(
    reads: ReadConnection, source: Source, team: Read, server: RedisServer
) -> None:
    async with using(RedisStore(server.url, SETTINGS)):
        await team(reads, "a")
        server.end(signal.SIGKILL)
        for _ in range(3):
            assert (await team(reads, "a")).heads == 1
        assert source.reads == 4
        server.start()
        await is_kept(reads, source, team)


async def is_kept(reads: ReadConnection, source: Source, team: Read) -> None:
    """Wait until a reader finds what another has read."""
    async with asyncio.timeout(300):
        known = -1
        while source.reads != known:
            known = source.reads
            await asyncio.sleep(0.1)
            await team(reads, "a")


async def test_a_redis_that_is_away_is_logged_and_counted(
    reads: ReadConnection,
    team: Read,
    server: RedisServer,
    counts: Counts,
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("INFO", "json")
    async with using(RedisStore(server.url, SETTINGS)):
        server.end(signal.SIGKILL)
        await team(reads, "a")
    assert counts.seen["cache_redis", "failed"] == 1
    assert counts.seen["cache_redis", "skipped"] >= 1
    assert "cache.redis_away" in capsys.readouterr().err


async def test_a_redis_that_hangs_is_waited_for_once(
    reads: ReadConnection, source: Source, team: Read, server: RedisServer, counts: Counts
) -> None:
    async with using(RedisStore(server.url, IMPATIENT)):
        await team(reads, "a")
        server.process.send_signal(signal.SIGSTOP)
        await asyncio.gather(*(team(reads, "a") for _ in range(3)))
        waited = counts.seen["cache_redis", "failed"]
        await team(reads, "a")
        server.process.send_signal(signal.SIGCONT)
    assert source.reads == 5
    assert counts.seen["cache_redis", "failed"] == waited <= 3


async def test_what_was_dropped_while_redis_hung_is_dropped_when_it_is_back(
    reads: ReadConnection, source: Source, team: Read, database: Database, server: RedisServer
) -> None:
    soon_again = IMPATIENT.model_copy(update={"cache_pause": timedelta(milliseconds=300)})
    async with using(RedisStore(server.url, soon_again)):
        await team(reads, "a")
        server.process.send_signal(signal.SIGSTOP)
        async with database.writes() as session:
            source.heads = 2
            drop(session, "teams")
        server.process.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.4)
        assert (await team(reads, "a")).heads == 2


async def test_the_least_recently_used_goes_first(
    reads: ReadConnection, source: Source, team: Read
) -> None:
    async with using(MemoryStore(2)):
        for name in ("a", "b", "a", "c", "a"):
            await team(reads, name)
        assert source.reads == 3
        await team(reads, "b")
        assert source.reads == 4


async def test_the_api_uses_redis_where_it_has_one_and_its_memory_where_not(
    settings: Settings, database: Database, server: RedisServer
) -> None:
    async with serve(settings, database):
        assert isinstance(default_store.store(), MemoryStore)
    shared = settings.model_copy(update={"redis_url": server.url})
    async with serve(shared, database) as app, connect(app) as client:
        assert isinstance(default_store.store(), RedisStore)
        assert (await client.get("/livez")).is_success


def test_nothing_is_kept_for_longer_than_its_tags_are_remembered() -> None:
    with pytest.raises(ValueError, match="longer than"):
        cached(for_=timedelta(days=2))
