"""The job that delivers what is due to one endpoint: some at once, and beside no other job of it.

So an endpoint that is slow or away has one job at a time, however much waits for it, and that ends
at the first sign of it. Killed anywhere, it begins again: what was sent and not yet written down is
sent again, with the same `webhook-id`.
"""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

import httpx
import structlog

from app.core.jobs import Attempt, job
from app.core.outbox import Queue
from app.features.webhooks import public_http, signatures
from app.features.webhooks.outgoing import deliveries, endpoints, schedule, settings
from app.features.webhooks.outgoing.deliveries import Due
from app.features.webhooks.outgoing.events import DELIVER
from app.features.webhooks.outgoing.schedule import Outcome
from app.features.webhooks.outgoing.settings import OutgoingSettings
from app.features.webhooks.public_addresses import NotPublic
from app.features.webhooks.public_http import PublicHttp
from app.features.webhooks.signatures import Secret
from app.settings import Settings, read_project

logger = structlog.get_logger(__name__)

# Within the job's time limit, whatever the last deliveries of a batch need.
LONGEST_BATCH = timedelta(seconds=20)
TIME_LIMIT = timedelta(minutes=3)
# One that finds no place comes again after this, or up to twice.
PAUSE, AWAY_PAUSE = timedelta(seconds=1), timedelta(seconds=15)
# Of what is answered, what is kept for whoever looks into it.
MOST_ANSWERED = 300


class _Process:
    """By what this process sends, and which of its jobs do; True: to one that was away."""

    settings: Settings | None = None
    delivering: ClassVar[dict[UUID, bool]] = {}


def configure(of_process: Settings) -> None:
    """Let the jobs of this process send by these settings; raises ValueError for wrong ones."""
    settings.read(of_process)
    _Process.settings = of_process


@job(DELIVER, queue=Queue.LOW, max_attempts=20, time_limit=TIME_LIMIT)
async def deliver(attempt: Attempt, endpoint_id: UUID) -> None:
    """Deliver what is due to an endpoint; where more is left, another job does it in its time."""
    pause = await _deliver(attempt, endpoint_id)
    async with attempt.finishes() as session:
        # What an attempt that was killed has claimed, too.
        await deliveries.release(session, endpoint_id, attempt.job)
        if pause is not None:
            await deliveries.wake(session, endpoint_id, datetime.now(UTC) + pause)


async def _deliver(attempt: Attempt, endpoint_id: UUID) -> timedelta | None:
    """Deliver, if a place is free; return how long to wait for one, which is done by no job."""
    if not await deliveries.any_queued(attempt.reads, endpoint_id):
        return None  # another job has sent along what this one came for
    if (endpoint := await deliveries.enabled(attempt.reads, endpoint_id)) is None:
        return None
    of_process = _Process.settings or Settings()
    was_away = endpoint["outages"] > 0
    if not _has_place(of_process.job_concurrency, was_away=was_away):
        return (AWAY_PAUSE if was_away else PAUSE) * random.uniform(1, 2)  # noqa: S311 - no secret
    _Process.delivering[attempt.job.id] = was_away
    try:
        await _deliver_batch(attempt, endpoint_id, of_process)
    finally:
        _Process.delivering.pop(attempt.job.id, None)
    return None


def _has_place(concurrency: int, *, was_away: bool) -> bool:
    """Whether one more may deliver: half of the places, and half of these to who was away."""
    taken = _Process.delivering.values()
    enough = sum(taken) >= max(1, concurrency // 4)
    return len(taken) < max(1, concurrency // 2) and not (was_away and enough)


async def _deliver_batch(attempt: Attempt, endpoint_id: UUID, of_process: Settings) -> None:
    own = settings.read(of_process)
    async with attempt.database.writes() as session:
        until = datetime.now(UTC) + TIME_LIMIT
        if not await deliveries.claim(session, endpoint_id, attempt.job, until):
            return
    http = public_http.public_http(of_process, own.webhooks_timeout)
    try:
        await _Batch(attempt, endpoint_id, own, http).run()
    finally:
        await http.aclose()


@dataclass(frozen=True)
class _Batch:
    """The deliveries of one attempt, in rounds: each is sent, and then written down."""

    attempt: Attempt
    endpoint_id: UUID
    settings: OutgoingSettings
    http: PublicHttp

    async def run(self) -> None:
        """Deliver until nothing is due, the endpoint is to be left alone, or time is up."""
        until = time.monotonic() + LONGEST_BATCH.total_seconds()
        while time.monotonic() < until and await self._round():
            pass

    async def _round(self) -> bool:
        """Go by what the endpoint is now: it may be disabled meanwhile, or have a new secret."""
        reads, now = self.attempt.reads, datetime.now(UTC)
        endpoint = await deliveries.enabled(reads, self.endpoint_id)
        if endpoint is None or not (before := deliveries.health_of(endpoint)).is_open(now):
            return False
        most = before.at_once(self.settings.webhooks_at_once)
        if not (due := await deliveries.due(reads, self.endpoint_id, most)):
            return False
        secrets = await endpoints.secrets(reads, endpoint)
        sending = (self._outcome(endpoint["url"], secrets, each) for each in due)
        outcomes = await asyncio.gather(*sending)
        patience = self.settings.webhooks_disable_after
        health = before.after(outcomes, datetime.now(UTC), patience)
        async with self.attempt.database.writes() as session:
            made = list(zip(due, outcomes, strict=True))
            await deliveries.record(session, endpoint, made, health)
        return True

    async def _outcome(self, url: str, secrets: Sequence[Secret], delivery: Due) -> Outcome:
        """Send one; whatever goes wrong with it is what it has come to, and stops no other."""
        began, now = time.monotonic(), datetime.now(UTC)
        signed = signatures.sign(secrets, str(delivery.id), now, delivery.body)
        try:
            answer = await self.http.post(
                url,
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
