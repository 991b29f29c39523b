"""The broker wakes idle consumers; what it uses of Dramatiq's private parts is still there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Self
from uuid import uuid4

import dramatiq
import pytest
from dramatiq.brokers.redis import _RedisConsumer, _scripts

from app.core.broker import MOST_WAITING, ToWorkers, WakingBroker, build_broker
from app.core.jobs import JOB_KINDS, Attempt, job
from app.core.outbox import Job, Queue


class Redis:
    """As much of a Redis as the consumer and the pipeline need."""

    def __init__(self) -> None:
        self.commands: list[tuple[object, ...]] = []
        self.tokens = threading.Semaphore(0)
        self.woken: list[bool] = []

    def __getattr__(self, name: str) -> object:
        return lambda *args, **options: self.commands.append((name, *args, options))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def pipeline(self) -> Redis:
        return self

    def execute(self) -> list[int]:
        return [7] * len(self.commands)

    def blpop(self, _: list[str], timeout: float) -> None:
        self.woken.append(self.tokens.acquire(timeout=timeout))


@pytest.fixture
def client() -> Redis:
    return Redis()


@pytest.fixture
def broker(client: Redis) -> WakingBroker:
    """A broker that is connected to nothing."""
    broker = build_broker("redis://127.0.0.1:1/0")
    broker.client = client
    return broker


def message(queue: str = "default") -> dramatiq.Message[None]:
    return dramatiq.Message(
        queue_name=queue, actor_name="a", args=(), kwargs={}, options={"redis_message_id": "1"}
    )


def test_dramatiq_still_has_what_the_waking_consumer_uses(broker: WakingBroker) -> None:
    consumer = broker.consume("default", prefetch=4, timeout=100)
    assert isinstance(consumer, _RedisConsumer)
    assert consumer.message_cache == []
    assert consumer.outstanding_message_count == 0
    assert (consumer.prefetch, consumer.timeout) == (4, 100)
    assert broker.get_declared_delay_queues() == set()


def test_dramatiq_still_stores_messages_where_we_put_them() -> None:
    dispatch = _scripts["dispatch"].decode()
    for line in (
        'local queue_full_name = namespace .. ":" .. queue_name',
        'local queue_messages = queue_full_name .. ".msgs"',
        'redis.call("hset", queue_messages, message_id, message_data)',
        'redis.call("rpush", queue_full_name, message_id)',
    ):
        assert line in dispatch


def test_a_batch_is_four_commands_for_each_queue(broker: WakingBroker, client: Redis) -> None:
    batch = [message() for _ in range(100)] + [message("low")]
    assert broker.enqueue_all(batch) == {Queue.DEFAULT: 7, Queue.LOW: 7}
    names = [command[0] for command in client.commands]
    assert names == ["hset", "rpush", "rpush", "ltrim"] * 2


def test_an_empty_queue_is_waited_for_and_not_polled(
    broker: WakingBroker, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[bytes] = []
    monkeypatch.setattr(broker, "do_fetch", lambda *_: [stored.pop()] if stored else [], False)
    consumer = broker.consume("default", prefetch=4, timeout=60_000)

    def arrive() -> None:
        stored.append(message().encode())
        client.tokens.release()

    threading.Timer(0.05, arrive).start()
    assert next(consumer) is None
    found = next(consumer)
    assert found is not None
    assert found.actor_name == "a"
    assert client.woken == [True]


def test_a_consumer_holds_no_more_than_it_may(
    broker: WakingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        broker, "do_fetch", lambda _, number: [message().encode() for _ in range(number)], False
    )
    monkeypatch.setattr(broker, "do_ack", lambda *_: None, raising=False)
    consumer = broker.consume("default", prefetch=4, timeout=10)
    held = [next(consumer) for _ in range(4)]
    assert next(consumer) is None
    for each in held[:2]:
        assert each is not None
        consumer.ack(each)
    assert next(consumer) is not None


@pytest.fixture
def known() -> Iterator[Job]:
    """A job of an actor that exists."""

    @job("test.low", queue=Queue.LOW)
    async def low(_: Attempt) -> None: ...

    yield Job(uuid4(), "test.low", {}, "c", {}, 0)
    del JOB_KINDS["test.low"]


async def test_a_full_queue_leaves_room_in_the_others(
    broker: WakingBroker, known: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = {Queue.HIGH: 0, Queue.DEFAULT: 10, Queue.LOW: MOST_WAITING}
    monkeypatch.setattr(broker, "waiting", waiting.get)
    monkeypatch.setattr(broker, "enqueue_all", lambda _: waiting)
    transport = ToWorkers(broker)
    await transport.send([known])
    room = await transport.room()
    assert (room[Queue.HIGH], room[Queue.LOW]) == (MOST_WAITING, 0)


async def test_a_job_of_newer_code_is_left_to_a_newer_relay(
    broker: WakingBroker, client: Redis, known: Job
) -> None:
    await ToWorkers(broker).send([replace(known, actor="test.unheard_of")])
    assert client.commands == []
