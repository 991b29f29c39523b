"""The broker: Dramatiq on Redis, which carries jobs from the relay to the worker's processes.

Retries, leases and dead jobs belong to the outbox, so the broker has no middleware for them: it
delivers, and what it loses the outbox sends again, what it delivers twice the outbox runs once.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from uuid import uuid4

import dramatiq
import redis
import structlog
from dramatiq.broker import MessageProxy
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import AsyncIO, Middleware
from pydantic import JsonValue, TypeAdapter

from app.core.jobs import JOB_KINDS
from app.core.outbox import Job, Queue
from app.core.relay import Transport

logger = structlog.get_logger(__name__)

_JOB = TypeAdapter(Job)
HEARTBEAT_TIMEOUT_MS = 30_000
# In a million fetches: how often a consumer takes over what dead consumers had fetched.
MAINTENANCE_CHANCE = 50_000
# What waits in Redis of each queue. The rest waits in the outbox, where order costs nothing and
# nothing is sent twice because it waits long.
MOST_WAITING = 5_000
MOST_TOKENS = 64


class WakingBroker(RedisBroker):
    """A Redis broker whose idle consumers are woken by a message, where Dramatiq's poll for it.

    A list beside each queue carries tokens; a consumer that finds its queue empty blocks on that
    list. It uses what Dramatiq keeps private, so `pyproject.toml` holds Dramatiq to one minor
    version.
    """

    @property
    def consumer_class(self) -> type[_RedisConsumer]:
        return _WakingConsumer

    def get_declared_delay_queues(self) -> set[str]:
        """Return none: pauses are the outbox's, and an unused queue would be polled for nothing."""
        return set()

    def enqueue_all(self, messages: Iterable[dramatiq.Message[None]]) -> Mapping[Queue, int]:
        """Send messages in one round trip, all or none; return how many wait in their queues."""
        queues: dict[str, dict[str, bytes]] = defaultdict(dict)
        for message in messages:
            key = str(uuid4())
            sent = message.copy(options={"redis_message_id": key})
            queues[message.queue_name][key] = sent.encode()
        with self.client.pipeline() as pipeline:
            for queue, batch in queues.items():
                pipeline.hset(
                    f"{self.namespace}:{queue}.msgs", items=list(chain.from_iterable(batch.items()))
                )
                pipeline.rpush(f"{self.namespace}:{queue}", *batch)
                pipeline.rpush(self.tokens(queue), *["1"] * min(len(batch), MOST_TOKENS))
                pipeline.ltrim(self.tokens(queue), 0, MOST_TOKENS - 1)
            lengths = pipeline.execute()[1::4]
        return dict(zip(map(Queue.of, queues), lengths, strict=True))

    def waiting(self, queue: Queue) -> int:
        """Return how many messages of a queue nobody has fetched."""
        return int(self.client.llen(f"{self.namespace}:{queue.label}"))

    def tokens(self, queue: str) -> str:
        return f"{self.namespace}:{queue}.wake"


class _WakingConsumer(_RedisConsumer):
    """Fetches when half of what it may hold is done, and blocks while there is nothing to do."""

    def __init__(self, broker: WakingBroker, queue_name: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue_name, prefetch, timeout)  # type: ignore[no-untyped-call]
        self._tokens = broker.tokens(queue_name)
        self._acked = threading.Event()

    def ack(self, message: MessageProxy) -> None:
        super().ack(message)  # type: ignore[no-untyped-call]
        self._acked.set()

    def __next__(self) -> MessageProxy | None:
        if not self.message_cache and not self._fetch():
            return None
        message: MessageProxy | None = super().__next__()  # type: ignore[no-untyped-call]
        return message

    def _fetch(self) -> bool:
        self._acked.clear()
        held = self.outstanding_message_count
        if held > self.prefetch // 2:
            self._acked.wait(self.timeout / 1000)
            return False
        try:
            self.message_cache = self.broker.do_fetch(self.queue_name, self.prefetch - held)
            if not self.message_cache:
                self.broker.client.blpop([self._tokens], timeout=max(self.timeout // 1000, 1))
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        return bool(self.message_cache)


def build_broker(redis_url: str, *extensions: Middleware) -> WakingBroker:
    """Return a broker with an event loop per process; connects only when used."""
    return WakingBroker(  # type: ignore[no-untyped-call]
        url=redis_url,
        middleware=[AsyncIO(), *extensions],
        heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
        maintenance_chance=MAINTENANCE_CHANCE,
    )


def serve_actors(broker: WakingBroker, run: Callable[[Job], Awaitable[None]]) -> None:
    """Make the broker's workers hand each message's job to `run`."""

    async def run_message(**fields: JsonValue) -> None:
        await run(_JOB.validate_python(fields))

    for actor in JOB_KINDS.values():
        declare = dramatiq.actor(
            actor_name=actor.name,
            queue_name=actor.queue.label,
            priority=int(actor.queue),
            broker=broker,
        )
        declare(run_message)


class ToWorkers(Transport):
    """A transport that sends jobs to the worker's processes through the broker.

    The client blocks, so it is used in a thread.
    """

    def __init__(self, broker: WakingBroker) -> None:
        self._broker = broker
        self._waiting = dict.fromkeys(Queue, 0)

    async def room(self) -> Mapping[Queue, int]:
        if max(self._waiting.values()) > MOST_WAITING // 2:
            count = self._broker.waiting
            self._waiting = await asyncio.to_thread(lambda: {each: count(each) for each in Queue})
        return {queue: MOST_WAITING - waiting for queue, waiting in self._waiting.items()}

    async def send(self, jobs: Sequence[Job]) -> None:
        if messages := list(_messages(jobs)):
            self._waiting |= await asyncio.to_thread(self._broker.enqueue_all, messages)


def _messages(jobs: Iterable[Job]) -> Iterator[dramatiq.Message[None]]:
    for job in jobs:
        if known := JOB_KINDS.get(job.actor):
            fields = _JOB.dump_python(job, mode="json")
            yield dramatiq.Message(known.queue.label, known.name, (), fields, options={})
        else:
            # Written by newer code: due again after the resend time, for a newer relay.
            logger.error("relay.unknown_actor", actor=job.actor, job=str(job.id))
