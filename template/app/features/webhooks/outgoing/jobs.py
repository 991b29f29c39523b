"""The job that delivers what is due to one endpoint: some at once, and beside no other job of it.

So an endpoint that is slow or away has one job at a time, however much waits for it, and that ends
at the first sign of it. Killed anywhere, it begins again: what was sent and not yet written down is
sent again, with the same `webhook-id`.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import structlog

from app.core.jobs import Attempt, job
from app.core.outbox import Queue
from app.features.webhooks import public_http, signatures
from app.features.webhooks.outgoing import deliveries, endpoints, schedule, settings
from app.features.webhooks.outgoing.deliveries import Due
from app.features.webhooks.outgoing.endpoints import Row
from app.features.webhooks.outgoing.events import DELIVER
from app.features.webhooks.outgoing.schedule import Health, Outcome
from app.features.webhooks.outgoing.settings import OutgoingSettings
from app.features.webhooks.public_addresses import NotPublic
from app.features.webhooks.public_http import PublicHttp
from app.features.webhooks.signatures import Secret
from app.settings import Settings, read_project

logger = structlog.get_logger(__name__)

# Within the job's time limit, whatever the last deliveries of a batch need.
LONGEST_BATCH = timedelta(minutes=1)
TIME_LIMIT = timedelta(minutes=3)
# Of what is answered, what is kept for whoever looks into it.
MOST_ANSWERED = 300


class _Process:
    """By what this process sends."""

    settings: Settings | None = None


def configure(of_process: Settings) -> None:
    """Let the jobs of this process send by these settings; raises ValueError for wrong ones."""
    settings.read(of_process)
    _Process.settings = of_process


@job(DELIVER, queue=Queue.LOW, max_attempts=20, time_limit=TIME_LIMIT)
async def deliver(attempt: Attempt, endpoint_id: UUID) -> None:
    """Deliver what is due to an endpoint; where more is left, another job does it in its time."""
    if not await deliveries.any_queued(attempt.reads, endpoint_id):
        return  # another job has sent along what this one came for
    of_process = _Process.settings or Settings()
    own = settings.read(of_process)
    async with attempt.database.writes() as session:
        until = datetime.now(UTC) + TIME_LIMIT
        endpoint = await deliveries.claim(session, endpoint_id, attempt.job, until)
    if endpoint is None:
        return
    http = public_http.public_http(of_process, own.webhooks_timeout)
    secrets = await endpoints.secrets(attempt.reads, endpoint)
    try:
        await _Batch(attempt, endpoint, secrets, own, http).run()
    finally:
        await http.aclose()
    async with attempt.finishes() as session:
        await deliveries.release(session, endpoint_id, attempt.job)


@dataclass(frozen=True)
class _Batch:
    """The deliveries of one attempt, in rounds: each is sent, and then written down."""

    attempt: Attempt
    endpoint: Row
    secrets: Sequence[Secret]
    settings: OutgoingSettings
    http: PublicHttp

    async def run(self) -> None:
        """Deliver until nothing is due, the endpoint is to be left alone, or time is up."""
        until = time.monotonic() + LONGEST_BATCH.total_seconds()
        health = deliveries.health_of(self.endpoint)
        while health.is_open(datetime.now(UTC)) and time.monotonic() < until:
            most = health.at_once(self.settings.webhooks_at_once)
            due = await deliveries.due(self.attempt.reads, self.endpoint["id"], most)
            if not due:
                return
            health = await self._round(due, health)

    async def _round(self, due: Sequence[Due], before: Health) -> Health:
        outcomes = await asyncio.gather(*map(self._outcome, due))
        patience = self.settings.webhooks_disable_after
        health = before.after(outcomes, datetime.now(UTC), patience)
        async with self.attempt.database.writes() as session:
            made = list(zip(due, outcomes, strict=True))
            await deliveries.record(session, self.endpoint["id"], made, health)
        return health

    async def _outcome(self, delivery: Due) -> Outcome:
        """Send one; whatever goes wrong with it is what it has come to, and stops no other."""
        began, now = time.monotonic(), datetime.now(UTC)
        signed = signatures.sign(self.secrets, str(delivery.id), now, delivery.body)
        try:
            answer = await self.http.post(
                self.endpoint["url"],
                delivery.body,
                {**_headers(), **signed},
                most_bytes=MOST_ANSWERED,
            )
        except (httpx.HTTPError, NotPublic) as error:
            outcome = Outcome(None, f"{type(error).__name__}: {error}"[:MOST_ANSWERED])
        except Exception as error:
            logger.exception("webhooks.not_sent", delivery=str(delivery.id))
            outcome = Outcome(None, type(error).__name__)
        else:
            wait = schedule.retry_after(answer.status, answer.headers.get("Retry-After"), now)
            outcome = Outcome(answer.status, _shown(answer.body), wait)
        milliseconds = round((time.monotonic() - began) * 1000)
        logger.info(
            "webhooks.attempted", delivery=str(delivery.id), status=outcome.status, ms=milliseconds
        )
        return Outcome(outcome.status, outcome.detail, outcome.retry_after, milliseconds)


@functools.cache
def _headers() -> Mapping[str, str]:
    return {"Content-Type": "application/json", "User-Agent": read_project().name}


def _shown(body: bytes) -> str:
    """What can be printed of it; a database may refuse what cannot."""
    return "".join(each if each.isprintable() else " " for each in body.decode(errors="replace"))
