"""The broker: Dramatiq on Redis, which carries word of jobs to the worker's processes.

A message says only that a queue has work: the jobs are in the outbox, and whoever hears of them
claims there what it has room for. So no message needs to be kept, acknowledged or repeated: what is
lost is found by the next look at the outbox, what is said twice finds nothing the second time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import cast

import dramatiq
import redis
import structlog
from dramatiq import Consumer, Message, MessageProxy
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import AsyncIO, Middleware
from sqlalchemy.exc import SQLAlchemyError

from app.core import older
from app.core.database import Database
from app.core.jobs import wait_for_event
from app.core.older import WE_LISTEN
from app.core.outbox import Queue

logger = structlog.get_logger(__name__)

# Not Dramatiq's own, in which releases before 0.10.0 have their messages.
NAMESPACE = "jobs"
WORK = "work"
# As many idle processes are woken at once; further ones find what is left when they look.
MOST_WORDS = 64


class WakingBroker(RedisBroker):
    """A broker whose idle consumers are woken by a message, where Dramatiq's would poll for it."""

    def get_declared_delay_queues(self) -> set[str]:
        """Return none: pauses are the outbox's, and an unused queue would be waited at."""
        return set()

    def consume(
        self,
        queue_name: str,
        prefetch: int = 1,  # noqa: ARG002 - a word is never more than one
        timeout: int = 5000,
    ) -> Consumer:
        return _WakingConsumer(self.client, _key(queue_name), timeout)

    def enqueue_all(self, queues: Mapping[Queue, int]) -> bool:
        """Say that there are so many jobs in these queues; return whether somebody listens."""
        with self.client.pipeline() as pipeline:
            for queue, number in queues.items():
                word = _word(queue.label).encode()
                pipeline.rpush(_key(queue.label), *[word] * min(number, MOST_WORDS))
                pipeline.ltrim(_key(queue.label), 0, MOST_WORDS - 1)
            pipeline.exists(WE_LISTEN)
            return bool(pipeline.execute()[-1])


class _WakingConsumer(Consumer):
    """Waits for word of one queue. Words are not acknowledged."""

    def __init__(self, client: redis.Redis, key: str, timeout: int) -> None:
        self._client = client
        self._key = key
        self._seconds = max(timeout // 1000, 1)

    def __next__(self) -> MessageProxy | None:
        try:
            found = self._client.blpop([self._key], timeout=self._seconds)
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        if found is None:
            return None
        return MessageProxy(Message.decode(cast("bytes", found[1])))

    def ack(self, message: MessageProxy) -> None:
        """Nothing is kept of a word."""

    def nack(self, message: MessageProxy) -> None:
        """Nothing is kept of a word."""

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Others look at the outbox without it."""


def build_broker(redis_url: str, *extensions: Middleware) -> WakingBroker:
    """Return a broker with an event loop per process; connects only when used."""
    return WakingBroker(  # type: ignore[no-untyped-call]
        url=redis_url, middleware=[AsyncIO(), *extensions]
    )


def hear_of_work(broker: WakingBroker, tell: Callable[[], None]) -> None:
    """Make the broker's workers hand on each word, in a thread of theirs."""
    for queue in Queue:
        broker.declare_queue(queue.label)
    declare = dramatiq.actor(actor_name=WORK, queue_name=Queue.DEFAULT.label, broker=broker)
    declare(tell)


class ToWorkers:
    """Tells the worker's processes what was asked for, from an event loop.

    The client blocks, so it is used in a thread; what comes meanwhile is said together.
    """

    def __init__(self, database: Database, broker: WakingBroker, *, poll: timedelta) -> None:
        """As long as nobody listens, look every `poll` whether an older release's workers do."""
        self._database = database
        self._broker = broker
        self._poll = poll
        self._asked: Counter[Queue] = Counter()
        self._woken = asyncio.Event()
        self._closed = False
        self._telling: asyncio.Task[None] | None = None

    def tell(self, queues: Mapping[Queue, int]) -> None:
        self._asked.update(queues)
        self._woken.set()
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell())

    async def close(self) -> None:
        """Say what has not been said yet."""
        self._closed = True
        self._woken.set()
        if self._telling is not None:
            await self._telling

    async def _tell(self) -> None:
        heard = True
        while self._asked or not heard:
            asked, self._asked = self._asked, Counter()
            self._woken.clear()
            try:
                heard = await asyncio.to_thread(self._broker.enqueue_all, asked)
                if not heard and await asyncio.to_thread(older.listen, self._broker.client):
                    await older.lend(self._database)
            except (redis.RedisError, SQLAlchemyError):
                # The workers find the jobs when they look next.
                logger.exception("workers.not_told")
                heard = True
            if not heard:
                if self._closed:
                    break
                await wait_for_event(self._woken, within=self._poll)
        self._telling = None


def _key(queue: str) -> str:
    return f"{NAMESPACE}:{queue}"


def _word(queue: str) -> Message[None]:
    return Message(queue, WORK, args=(), kwargs={}, options={})
