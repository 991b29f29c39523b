"""An attempt that ends in the middle: what was on its way is told as unknown, the rest is sent."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from app.core import jobs
from app.core.database import Database
from app.core.outbox import Job, OutboxRow
from app.features.notifications import Mail, deliveries, desk, send_mail
from app.features.notifications.deliveries import Due
from app.features.notifications.models import Channel, State
from app.features.notifications.outcomes import Accepted
from tests.claiming import claimed as claim_all
from tests.claiming import work as work_all
from tests.features.notifications.conftest import MailServer, Work

pytestmark = pytest.mark.anyio


async def three(database: Database) -> None:
    async with database.writes() as session:
        for number in range(3):
            await send_mail(session, Mail(f"u{number}@example.com", "News", "text"))


async def claimed(database: Database) -> Job:
    """The delivering job's next attempt, as somebody has begun it who does not go on."""
    async with database.writes() as session:
        await session.execute(update(OutboxRow).values(due_at=datetime.now(UTC)))
    (job,) = await claim_all(database)
    return job


async def begun(database: Database, job: Job) -> Due:
    message, *_ = await deliveries.due(database.reads, Channel.MAIL)
    async with database.writes() as session:
        assert await deliveries.begin(session, message.id, job)
    return message


async def states(database: Database) -> list[str]:
    return sorted(each.state for each in await desk.find(database.reads, 10))


async def due_again(database: Database) -> None:
    async with database.writes() as session:
        await session.execute(update(OutboxRow).values(due_at=datetime.now(UTC)))


async def test_what_was_on_its_way_is_held_and_the_others_are_sent(
    database: Database, mail_server: MailServer, work: Work
) -> None:
    await three(database)
    await begun(database, await claimed(database))
    await due_again(database)
    await work()
    assert await states(database) == [State.SENT, State.SENT, State.UNKNOWN]
    assert len(mail_server.received) == 2


async def test_one_that_was_taken_for_dead_may_still_say_how_it_went(
    database: Database, mail_server: MailServer, work: Work
) -> None:
    await three(database)
    job = await claimed(database)
    message = await begun(database, job)
    await due_again(database)
    await work()
    async with database.writes() as session:
        await deliveries.end(session, message, job, Accepted())
        assert not await deliveries.begin(session, message.id, job)
    assert await states(database) == [State.SENT] * 3
    assert len(mail_server.received) == 2


@pytest.mark.usefixtures("mail_server")
async def test_nobody_sends_what_another_is_sending(database: Database, work: Work) -> None:
    await three(database)
    job = await claimed(database)
    message = await begun(database, job)
    async with database.writes() as session:
        await deliveries.ask_again(session, Channel.MAIL, datetime.now(UTC))
    await work()
    assert await states(database) == [State.SENDING, State.SENT, State.SENT]
    async with database.writes() as session:
        await deliveries.end(session, message, job, Accepted())


async def test_a_job_at_a_time_is_one_however_many_ask(database: Database) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    async with database.writes() as session:
        for _ in range(5):
            await deliveries.ask_again(session, Channel.SMS, later)
    async with database.writes() as session:
        rows = await session.execute(update(OutboxRow).values(due_at=later))
        assert rows.rowcount == 1  # type: ignore[attr-defined]


async def test_cut_off_while_it_sends_nothing_is_sent_twice(
    committing: Database, mail_server: MailServer
) -> None:
    """The process is told to end while a server takes its time: with real commits."""
    await three(committing)
    (job,) = await claim_all(committing)
    mail_server.gate.clear()
    running = asyncio.create_task(jobs.run(committing, job))
    await mail_server.reached.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    mail_server.gate.set()
    await work_all(committing)
    assert await states(committing) == [State.SENT, State.SENT, State.UNKNOWN]
    addresses = [each["To"] for each in mail_server.received]
    assert sorted(addresses) == sorted(set(addresses))
