"""The broker: Dramatiq on Redis, which carries jobs from the relay to the worker's processes.

Retries, leases and dead jobs belong to the outbox, so the broker has no middleware for them: it
delivers, and what it loses the outbox sends again, what it delivers twice the outbox runs once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import dramatiq
import structlog
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO, Middleware
from pydantic import JsonValue, TypeAdapter

from app.core.actors import ACTORS, Actor
from app.core.outbox import Job

logger = structlog.get_logger(__name__)

_JOB = TypeAdapter(Job)
HEARTBEAT_TIMEOUT_MS = 30_000
# In a million fetches: how often a consumer takes over what dead consumers had fetched.
MAINTENANCE_CHANCE = 50_000


def build_broker(redis_url: str, *extensions: Middleware) -> RedisBroker:
    """Return a broker with an event loop per process; connects only when used."""
    return RedisBroker(  # type: ignore[no-untyped-call]
        url=redis_url,
        middleware=[AsyncIO(), *extensions],
        heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
        maintenance_chance=MAINTENANCE_CHANCE,
    )


def serve_actors(broker: RedisBroker, run: Callable[[Job], Awaitable[None]]) -> None:
    """Make the broker's workers hand each message's job to `run`."""

    async def run_message(**fields: JsonValue) -> None:
        await run(_JOB.validate_python(fields))

    for actor in ACTORS.values():
        declare = dramatiq.actor(actor_name=actor.name, queue_name=actor.queue, broker=broker)
        declare(run_message)


class ToWorkers:
    """A transport that sends jobs to the worker's processes through the broker."""

    def __init__(self, broker: dramatiq.Broker) -> None:
        """Send through `broker`."""
        self._broker = broker
        for actor in ACTORS.values():
            broker.declare_queue(actor.queue)

    def room(self) -> int:
        """Return how many jobs can be sent now: a broker's queue has no end."""
        return 1_000_000

    async def send(self, jobs: Sequence[Job]) -> None:
        """Enqueue each job. The client blocks, so it does so in a thread."""
        await asyncio.to_thread(self._enqueue_all, jobs)

    def _enqueue_all(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            actor = ACTORS.get(job.actor)
            if actor is None:
                # Written by newer code: due again after the resend time, for a newer relay.
                logger.error("relay.unknown_actor", actor=job.actor, job=str(job.id))
            else:
                self._broker.enqueue(_message(actor, job))


def _message(actor: Actor, job: Job) -> dramatiq.Message[None]:
    return dramatiq.Message(
        queue_name=actor.queue,
        actor_name=actor.name,
        args=(),
        kwargs=_JOB.dump_python(job, mode="json"),
        options={},
    )
