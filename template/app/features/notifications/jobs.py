"""The job that sends what is due on a channel: by one connection, one after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from app.core.database import ReadConnection
from app.core.jobs import Attempt, job
from app.features.notifications import deliveries, mail, settings, sms, smtp
from app.features.notifications.deliveries import Due
from app.features.notifications.mail import Envelope, Mail
from app.features.notifications.messages import DELIVER
from app.features.notifications.models import Channel
from app.features.notifications.outcomes import Outcome, Postponed, Refused, Uncertain, Unreachable
from app.features.notifications.settings import NotificationSettings, Unknown
from app.features.notifications.sms import SmsProvider, Text
from app.features.notifications.smtp import Mailer
from app.settings import Settings

logger = structlog.get_logger(__name__)

# Within the job's time limit, whatever the last message of a batch needs.
LONGEST_BATCH = timedelta(minutes=5)
TIME_LIMIT = timedelta(minutes=10)

Send = Callable[[Due], Awaitable[Outcome]]


class _Process:
    """By what this process sends."""

    settings: NotificationSettings | None = None


def configure(of_process: Settings) -> None:
    """Let the jobs of this process send by these settings."""
    _Process.settings = settings.read(of_process)


@job(DELIVER, max_attempts=20, time_limit=TIME_LIMIT)
async def deliver(attempt: Attempt, channel: Channel) -> None:
    """Send what is due; where something is left, another job does it when that is due."""
    own = _Process.settings or NotificationSettings()
    if attempt.job.attempts > 1:
        async with attempt.database.writes() as session:
            number = await deliveries.settle(session, attempt.job, own.notifications_if_unknown)
        if number:
            logger.warning("notifications.interrupted", number=number)
    async with _sender(attempt.reads, channel, own) as send:
        await _Batch(attempt, channel, own, send).run()
    async with attempt.finishes() as session:
        if (due_at := await deliveries.next_due(session, channel)) is not None:
            await deliveries.ask_again(session, channel, due_at)


@dataclass(frozen=True)
class _Batch:
    """The messages of one attempt. Each is begun in the transaction that ends the one before."""

    attempt: Attempt
    channel: Channel
    settings: NotificationSettings
    send: Send

    async def run(self) -> None:
        """Send them; raises Unreachable, and then the one that was begun waits again."""
        until = time.monotonic() + LONGEST_BATCH.total_seconds()
        sent: tuple[Due, Outcome] | None = None
        for message in await deliveries.due(self.attempt.reads, self.channel):
            if time.monotonic() > until:
                break
            if await self._is_put_off(message):
                continue
            is_ours = await self._next(sent, message)
            sent = (message, await self._outcome(message)) if is_ours else None
        await self._next(sent, None)

    async def _is_put_off(self, message: Due) -> bool:
        """Whether it is sent later, or never: then that is written down."""
        suppressed = await deliveries.is_suppressed(
            self.attempt.reads, self.channel, message.recipient
        )
        due_at = now = datetime.now(UTC)
        if self.settings.quiet_hours is not None and not message.urgent:
            due_at = self.settings.quiet_hours.over_at(now, self.settings.zone)
        if not suppressed and due_at == now:
            return False
        async with self.attempt.database.writes() as session:
            if suppressed:
                await deliveries.suppress(session, message.id)
            else:
                await deliveries.wait_until(session, message.id, due_at)
        return True

    async def _next(self, sent: tuple[Due, Outcome] | None, message: Due | None) -> bool:
        """Write down how the last one went, and that this one is next; False: it is another's."""
        job = self.attempt.job
        if sent is None and message is None:
            return False
        async with self.attempt.database.writes() as session:
            if sent is not None:
                await deliveries.end(session, sent[0], job, sent[1])
            return message is not None and await deliveries.begin(session, message.id, job)

    async def _outcome(self, message: Due) -> Outcome:
        try:
            outcome = await self.send(message)
        except Unreachable:
            async with self.attempt.database.writes() as session:
                await deliveries.release(session, message.id, self.attempt.job)
            raise
        logger.info("notification.handed_over", id=str(message.id), outcome=type(outcome).__name__)
        if (
            isinstance(outcome, Uncertain)
            and self.settings.notifications_if_unknown is Unknown.REPEAT
        ):
            return Postponed(outcome.detail)
        return outcome


@asynccontextmanager
async def _sender(
    reads: ReadConnection, channel: Channel, own: NotificationSettings
) -> AsyncIterator[Send]:
    if channel is Channel.MAIL:
        mailer = smtp.mailer(own)
        try:
            yield partial(_send_mail, mailer, reads, own.mail_from)
        finally:
            await mailer.close()
        return
    # Amazon's library reads files when it is made ready.
    provider = await asyncio.to_thread(sms.provider, own)
    try:
        yield partial(_send_sms, provider)
    finally:
        await provider.close()


async def _send_mail(mailer: Mailer, reads: ReadConnection, sender: str, message: Due) -> Outcome:
    files = await deliveries.attachments(reads, message.id)
    envelope = Envelope(sender, message.id, message.created_at)
    try:
        written = mail.written(
            Mail(to=message.recipient, attachments=files, **message.content), envelope
        )
    except (ValueError, TypeError, LookupError) as error:
        # One that nobody can write must not hold up the others.
        return Refused(f"it cannot be written as a mail: {error}")
    return await mailer.send(written, envelope.address, message.recipient)


async def _send_sms(provider: SmsProvider, message: Due) -> Outcome:
    return await provider.send(Text(message.id, message.recipient, str(message.content["text"])))
