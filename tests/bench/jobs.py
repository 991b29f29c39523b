"""Run by the interpreter of a rendered project: the workers of the benchmark, and what feeds them.

`python -m dramatiq jobs:boot` is the project's worker with two actors more, `jobs:bare` is Dramatiq
as it comes; `python jobs.py feed|feed-bare|latency JOB NUMBER` sends them jobs.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from datetime import timedelta

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from app.core import outbox
from app.core.broker import ToWorkers, build_broker
from app.core.database import Database
from app.core.jobs import Attempt, job
from app.worker import boot as boot_worker

URL = os.environ["REDIS_URL"]
DATABASE = os.environ["DATABASE_URL"]
client = redis.Redis.from_url(URL)


@job("bench.nothing")
async def nothing(_: Attempt) -> None:
    """Count one job."""
    client.incr("bench:done")


@job("bench.ten_ms")
async def ten_ms(_: Attempt) -> None:
    """Wait as for somebody else's answer, and count one job."""
    await asyncio.sleep(0.01)
    client.incr("bench:done")


@job("bench.started")
async def started(_: Attempt) -> None:
    """Say when the job began."""
    client.rpush("bench:started", time.time())


def boot() -> None:
    """Be the project's worker."""
    boot_worker()


def bare() -> None:
    """Be a worker of plain Dramatiq, with its defaults."""
    broker = RedisBroker(url=URL)
    dramatiq.set_broker(broker)
    dramatiq.actor(_count, actor_name="bench.nothing", broker=broker)
    dramatiq.actor(_wait_and_count, actor_name="bench.ten_ms", broker=broker)


def _count() -> None:
    client.incr("bench:done")


def _wait_and_count() -> None:
    time.sleep(0.01)
    _count()


def feed_bare(job: str, number: int) -> None:
    """Send jobs through plain Dramatiq."""
    bare()
    message = dramatiq.get_broker().get_actor(f"bench.{job}").message()
    for _ in range(number):
        dramatiq.get_broker().enqueue(message.copy())


async def feed(job: str, number: int) -> None:
    """Ask for jobs; the worker finds them by itself."""
    database = Database(DATABASE)
    for begin in range(0, number, 500):
        async with database.writes() as session:
            for _ in range(min(500, number - begin)):
                await outbox.enqueue(session, f"bench.{job}")
    await database.close()


async def latency(job: str, number: int) -> None:
    """Ask an idle worker for a job every second or two, as the api does."""
    database = Database(DATABASE)
    workers = ToWorkers(database, build_broker(URL), poll=timedelta(seconds=1))
    for _ in range(number):
        await asyncio.sleep(random.uniform(1, 2))
        async with database.writes() as session:
            await outbox.enqueue(session, f"bench.{job}")
        committed = time.time()
        workers.tell(outbox.asked_for(session))
        client.rpush("bench:committed", committed)
    await asyncio.sleep(1)
    await workers.close()
    await database.close()


if __name__ == "__main__":
    what, job, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if what == "feed-bare":
        feed_bare(job, number)
    else:
        asyncio.run({"feed": feed, "latency": latency}[what](job, number))
