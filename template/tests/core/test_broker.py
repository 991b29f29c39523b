"""The broker carries word of work: it wakes idle consumers, and keeps nothing."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from datetime import timedelta
from typing import Self

import pytest
import redis
from dramatiq import Worker
from sqlalchemy import select

from app.core import outbox
from app.core.broker import MOST_WORDS, ToWorkers, WakingBroker, build_broker, hear_of_work
from app.core.database import Database
from app.core.outbox import OLDER, OutboxRow, Queue

SHORT = timedelta(milliseconds=10)


class Redis:
    """As much of a Redis as the broker needs."""

    def __init__(self) -> None:
        self.lists: dict[str, list[bytes]] = defaultdict(list)
        self.changed = threading.Condition()
        self.trips = 0
        self.away = False
        self.heard = True
        self.older = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def pipeline(self) -> Redis:
        return self

    def rpush(self, key: str, *values: bytes) -> None:
        with self.changed:
            self.lists[key] += values
            self.changed.notify_all()

    def ltrim(self, key: str, first: int, last: int) -> None:
        self.lists[key] = self.lists[key][first : last + 1]

    def exists(self, _: str) -> None:
        pass

    def zcount(self, *_: object) -> int:
        return int(self.older)

    def execute(self) -> list[bool]:
        self.trips += 1
        if self.away:
            raise redis.ConnectionError
        return [self.heard]

    def blpop(self, keys: list[str], timeout: float) -> tuple[str, bytes] | None:
        (key,) = keys
        with self.changed:
            found = self.changed.wait_for(lambda: self.lists[key], timeout)
            return (key, self.lists[key].pop(0)) if found else None

    def close(self) -> None:
        pass


@pytest.fixture
def client() -> Redis:
    return Redis()


@pytest.fixture
def broker(client: Redis) -> WakingBroker:
    """A broker that is connected to nothing."""
    broker = build_broker("redis://127.0.0.1:1/0")
    broker.client = client
    return broker


def test_word_of_each_queue_is_heard(broker: WakingBroker) -> None:
    heard = threading.Semaphore(0)
    hear_of_work(broker, heard.release)
    worker = Worker(broker, worker_threads=1, worker_timeout=1000)
    worker.start()
    try:
        for queue in Queue:
            broker.enqueue_all({queue: 1})
            assert heard.acquire(timeout=60)
    finally:
        worker.stop()


def test_word_of_many_jobs_is_one_trip_and_not_endless(broker: WakingBroker, client: Redis) -> None:
    broker.enqueue_all({Queue.DEFAULT: 3, Queue.LOW: 5000})
    broker.enqueue_all({Queue.LOW: 5000})
    assert client.trips == 2
    assert sorted(map(len, client.lists.values())) == [3, MOST_WORDS]


async def test_what_comes_while_word_is_sent_is_said_together(
    database: Database, broker: WakingBroker, client: Redis
) -> None:
    workers = ToWorkers(database, broker, poll=SHORT)
    for _ in range(50):
        workers.tell({Queue.DEFAULT: 1})
        await asyncio.sleep(0)
    await workers.close()
    assert sum(map(len, client.lists.values())) == 50
    assert client.trips < 50


async def test_a_redis_that_is_away_costs_the_word_and_nothing_else(
    database: Database, broker: WakingBroker, client: Redis
) -> None:
    workers = ToWorkers(database, broker, poll=SHORT)
    client.away = True
    workers.tell({Queue.DEFAULT: 1})
    await workers.close()
    client.away = False
    workers.tell({Queue.DEFAULT: 1})
    await workers.close()
    assert client.trips == 2


async def test_while_only_older_workers_listen_they_get_the_jobs(
    database: Database, broker: WakingBroker, client: Redis
) -> None:
    workers = ToWorkers(database, broker, poll=SHORT)
    client.heard = False
    async with database.writes() as session:
        await outbox.enqueue(session, "test.any")
    workers.tell(outbox.asked_for(session))
    await asyncio.sleep(0.05)
    assert await queue(database) == Queue.DEFAULT
    client.older = True
    async with asyncio.timeout(300):
        while await queue(database) == Queue.DEFAULT:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert await queue(database) == Queue.DEFAULT - OLDER
    await workers.close()


async def queue(database: Database) -> int:
    return (await database.reads.execute(select(OutboxRow.queue))).scalar_one()
