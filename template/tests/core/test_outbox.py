"""A job exists if its transaction committed, and takes effect exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from app.core import jobs, outbox
from app.core.database import Database
from app.core.jobs import JOB_KINDS, Attempt, job
from app.core.outbox import Job, OutboxRow, Queue, Superseded

LEASE = timedelta(seconds=30)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Effects:
    """What the test's actors have done."""

    def __init__(self) -> None:
        self.seen: list[tuple[UUID, int]] = []
        self.fail_times = 0


@pytest.fixture
def effects() -> Iterator[Effects]:
    effects = Effects()

    @job("test.note", max_attempts=3)
    async def note(attempt: Attempt, what: UUID, times: int = 1) -> None:
        if effects.fail_times > 0:
            effects.fail_times -= 1
            raise RuntimeError("not today")
        async with attempt.finishes():
            effects.seen.append((what, times))

    yield effects
    del JOB_KINDS["test.note"]


@pytest.fixture(name="job")
async def taken_job(database: Database) -> Job:
    """A job that the relay has just taken."""
    async with database.writes() as session:
        await outbox.enqueue(session, "test.note", what=uuid4(), times=2)
    return await take(database)


async def take(database: Database) -> Job:
    async with database.writes() as session:
        (job,) = await outbox.take_due(
            session, resend_at=datetime.now(UTC) + LEASE, room=dict.fromkeys(Queue, 10)
        )
    return job


async def rows(database: Database) -> list[OutboxRow]:
    async with database.writes() as session:
        return list((await session.execute(select(OutboxRow))).scalars())


async def make_due(database: Database) -> Job:
    async with database.writes() as session:
        await session.execute(update(OutboxRow).values(due_at=NOW))
    return await take(database)


async def test_a_job_may_wait_until_its_time(database: Database) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    async with database.writes() as session:
        await outbox.enqueue_at(session, later, "test.note", what=uuid4())
        assert not outbox.asked_for(session)
    assert not await outbox.any_due(database.reads)
    assert (await make_due(database)).attempts == 0


async def test_a_job_of_a_failed_transaction_never_was(database: Database) -> None:
    async with database.writes() as session:
        await outbox.enqueue(session, "test.note", what=uuid4())
        await session.rollback()
    assert await rows(database) == []


async def test_arguments_arrive_typed_and_the_row_goes(
    database: Database, effects: Effects, job: Job
) -> None:
    await jobs.run(database, job, lease=LEASE)
    ((what, times),) = effects.seen
    assert isinstance(what, UUID)
    assert times == 2
    assert await rows(database) == []


async def test_a_second_delivery_does_nothing(
    database: Database, effects: Effects, job: Job
) -> None:
    await jobs.run(database, job, lease=LEASE)
    await jobs.run(database, job, lease=LEASE)
    assert len(effects.seen) == 1


async def test_two_deliveries_of_a_waiting_job_are_one_attempt(
    database: Database, effects: Effects, job: Job
) -> None:
    resent = await make_due(database)
    async with database.writes() as session:
        assert await outbox.begin(session, resent, lease_until=datetime.now(UTC) + LEASE)
    await jobs.run(database, job, lease=LEASE)
    assert effects.seen == []


async def test_an_attempt_whose_lease_ran_out_leaves_no_effect(
    database: Database, effects: Effects, job: Job
) -> None:
    async with database.writes() as session:
        slow = await outbox.begin(session, job, lease_until=NOW)
    assert slow is not None
    await jobs.run(database, await make_due(database), lease=LEASE)
    with pytest.raises(Superseded):
        async with Attempt(database, slow).finishes():
            effects.seen.append((job.id, 2))
    assert len(effects.seen) == 1


async def test_a_failed_attempt_is_repeated_after_a_pause(
    database: Database, effects: Effects, job: Job
) -> None:
    effects.fail_times = 1
    await jobs.run(database, job, lease=LEASE)
    (row,) = await rows(database)
    assert row.attempts == 1
    assert row.error is not None
    assert "not today" in row.error
    assert row.due_at is not None
    assert row.due_at > row.created_at + timedelta(seconds=1)
    await jobs.run(database, await make_due(database), lease=LEASE)
    assert len(effects.seen) == 1


async def test_the_last_failure_buries_the_job_with_its_error(
    database: Database, effects: Effects, job: Job
) -> None:
    effects.fail_times = 99
    await jobs.run(database, job, lease=LEASE)
    for _ in range(2):
        await jobs.run(database, await make_due(database), lease=LEASE)
    (row,) = await rows(database)
    assert (row.attempts, row.due_at) == (3, None)
    assert not await outbox.any_due(database.reads)
    await jobs.run(database, job, lease=LEASE)
    assert effects.seen == []


async def test_a_job_nobody_knows_is_buried_with_the_reason(database: Database, job: Job) -> None:
    await jobs.run(database, job, lease=LEASE)
    (row,) = await rows(database)
    assert row.due_at is None
    assert "no function does jobs called 'test.note'" in str(row.error)


async def test_a_job_that_takes_too_long_counts_as_failed(database: Database) -> None:
    @job("test.slow", time_limit=timedelta(milliseconds=10))
    async def slow(_: Attempt) -> None:
        await asyncio.sleep(5)

    try:
        async with database.writes() as session:
            await outbox.enqueue(session, "test.slow")
        await jobs.run(database, await make_due(database), lease=LEASE)
    finally:
        del JOB_KINDS["test.slow"]
    (row,) = await rows(database)
    assert "TimeoutError" in str(row.error)


async def test_a_running_job_renews_its_lease(database: Database) -> None:
    @job("test.long")
    async def long(attempt: Attempt) -> None:
        due = (await rows(database))[0].due_at
        async with asyncio.timeout(300):
            while (await rows(database))[0].due_at == due:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
        assert not await outbox.any_due(attempt.reads)

    try:
        async with database.writes() as session:
            await outbox.enqueue(session, "test.long")
        await jobs.run(database, await make_due(database), lease=timedelta(seconds=1))
    finally:
        del JOB_KINDS["test.long"]
    assert await rows(database) == []


def test_pauses_double_up_to_a_limit_with_jitter() -> None:
    pauses = [jobs.pause_after(attempts).total_seconds() for attempts in range(1, 40)]
    assert all(1.5 * 2**n <= pause <= 2.5 * 2**n for n, pause in enumerate(pauses[:8]))
    assert max(pauses) <= jobs.LONGEST_PAUSE.total_seconds() * 1.25


@pytest.mark.usefixtures("effects")
def test_one_name_is_one_actor() -> None:
    with pytest.raises(jobs.DuplicateJobKind):
        job("test.note")(JOB_KINDS["test.note"].function)
