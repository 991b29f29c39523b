"""A job exists if its transaction committed, and takes effect exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Executable, insert, select, update

from app.core import jobs, older, outbox
from app.core.database import Database
from app.core.jobs import JOB_KINDS, Attempt, job
from app.core.outbox import Claimant, Job, OutboxRow, Queue, Superseded
from tests.claiming import LEASE, claimed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ARGUMENTS = {"arguments": {"what": str(uuid4())}, "headers": {}, "correlation_id": "c"}
BY_AN_OLDER = ARGUMENTS | {"queue": 1, "actor": "test.note", "created_at": NOW, "due_at": NOW}
ANYBODY = Claimant(tuple(Queue), ["test.note"], LEASE)


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
async def claimed_job(database: Database, effects: Effects) -> Job:  # noqa: ARG001 - what does it
    """A job that somebody has just claimed."""
    async with database.writes() as session:
        await outbox.enqueue(session, "test.note", what=uuid4(), times=2)
    (job,) = await claimed(database)
    return job


async def rows(database: Database) -> list[OutboxRow]:
    async with database.writes() as session:
        return list((await session.execute(select(OutboxRow))).scalars())


async def due_at(database: Database) -> datetime:
    (row,) = await rows(database)
    assert row.due_at is not None
    return row.due_at


async def make_due(database: Database) -> Job:
    async with database.writes() as session:
        await session.execute(update(OutboxRow).values(due_at=NOW))
    (job,) = await claimed(database)
    return job


@pytest.mark.usefixtures("effects")
async def test_a_job_may_wait_until_its_time(database: Database) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    async with database.writes() as session:
        await outbox.enqueue_at(session, later, "test.note", what=uuid4())
        assert not outbox.asked_for(session)
    assert not await claimed(database)
    assert (await make_due(database)).attempts == 1


async def test_a_job_of_a_failed_transaction_never_was(database: Database) -> None:
    async with database.writes() as session:
        await outbox.enqueue(session, "test.note", what=uuid4())
        await session.rollback()
    assert await rows(database) == []


async def test_arguments_arrive_typed_and_the_row_goes(
    database: Database, effects: Effects, job: Job
) -> None:
    await jobs.run(database, job)
    ((what, times),) = effects.seen
    assert isinstance(what, UUID)
    assert times == 2
    assert await rows(database) == []


async def test_a_second_delivery_does_nothing(
    database: Database, effects: Effects, job: Job
) -> None:
    await jobs.run(database, job)
    await jobs.run(database, job)
    assert len(effects.seen) == 1


async def test_what_is_claimed_is_nobody_elses(database: Database, job: Job) -> None:
    assert job.attempts == 1
    assert not await claimed(database)
    assert not await outbox.due_queues(database.reads, ANYBODY)


@pytest.mark.usefixtures("effects")
async def test_two_at_once_claim_each_job_once(committing: Database, database_url: str) -> None:
    async with committing.writes() as session:
        for _ in range(200):
            await outbox.enqueue(session, "test.note", what=uuid4())
    other = Database(database_url)
    found: list[Job] = []

    async def claim(database: Database) -> None:
        while batch := await claimed(database, most=7):
            found.extend(batch)

    await asyncio.gather(claim(committing), claim(other))
    await other.close()
    assert len({each.id for each in found}) == len(found) == 200


async def test_urgent_jobs_are_claimed_first(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"test.low": Queue.LOW, "test.note": Queue.DEFAULT, "test.high": Queue.HIGH}
    monkeypatch.setattr(outbox, "QUEUES", names)
    async with database.writes() as session:
        for name in names:
            await outbox.enqueue(session, name)
        assert outbox.asked_for(session) == dict.fromkeys(Queue, 1)
    claimant = Claimant(tuple(Queue), tuple(names), LEASE)
    async with database.writes() as session:
        first = await outbox.claim(session, claimant, 2)
        others = await outbox.claim(session, claimant, 2)
    assert [job.actor for job in (*first, *others)] == ["test.high", "test.note", "test.low"]


async def test_a_job_of_other_code_waits_for_who_knows_it(database: Database) -> None:
    async with database.writes() as session:
        await outbox.enqueue(session, "test.unheard_of")
    assert not await claimed(database)
    before = datetime.now(UTC) + timedelta(minutes=1)
    assert await outbox.unknown(database.reads, ["test.note"], before) == ["test.unheard_of"]
    who_knows = Claimant(tuple(Queue), ["test.unheard_of"], LEASE)
    async with database.writes() as session:
        (job,) = await outbox.claim(session, who_knows, 1)
    assert (job.actor, job.attempts) == ("test.unheard_of", 1)


@pytest.mark.usefixtures("effects")
async def test_what_older_releases_asked_for_and_nobody_runs_is_adopted(database: Database) -> None:
    def older_row(**values: object) -> Executable:
        return insert(OutboxRow).values(BY_AN_OLDER | {"id": uuid4()} | values)

    now = datetime.now(UTC)
    async with database.writes() as session:
        await session.execute(older_row())
        await session.execute(older_row(began_at=now, attempts=1))
        await session.execute(older_row(began_at=now, attempts=1, due_at=now + timedelta(hours=1)))
        await session.execute(older_row(due_at=None))
        await session.execute(older_row(actor="test.unheard_of"))
    assert not await claimed(database)
    assert await older.adopt(database) == 2
    assert sorted(each.attempts for each in await claimed(database)) == [1, 2]
    assert [Queue(number) for number in range(3)] == list(Queue)


async def test_an_attempt_whose_lease_ran_out_leaves_no_effect(
    database: Database, effects: Effects, job: Job
) -> None:
    await jobs.run(database, await make_due(database))
    with pytest.raises(Superseded):
        async with Attempt(database, job).finishes():
            effects.seen.append((job.id, 2))
    assert len(effects.seen) == 1


async def test_a_lease_is_renewed_while_the_attempt_is_the_latest(
    database: Database, job: Job
) -> None:
    later = await make_due(database)
    async with database.writes() as session:
        await outbox.renew(session, [job], timedelta(days=9))
    soon = datetime.now(UTC) + timedelta(days=1)
    assert (await due_at(database)) < soon
    async with database.writes() as session:
        await outbox.renew(session, [job, later], timedelta(days=9))
    assert (await due_at(database)) > soon


async def test_a_failed_attempt_is_repeated_after_a_pause(
    database: Database, effects: Effects, job: Job
) -> None:
    effects.fail_times = 1
    await jobs.run(database, job)
    (row,) = await rows(database)
    assert row.attempts == 1
    assert row.error is not None
    assert "not today" in row.error
    assert row.due_at is not None
    assert row.due_at > row.created_at + timedelta(seconds=1)
    await jobs.run(database, await make_due(database))
    assert len(effects.seen) == 1


async def test_the_last_failure_buries_the_job_with_its_error(
    database: Database, effects: Effects, job: Job
) -> None:
    effects.fail_times = 99
    await jobs.run(database, job)
    for _ in range(2):
        await jobs.run(database, await make_due(database))
    (row,) = await rows(database)
    assert (row.attempts, row.due_at) == (3, None)
    assert not await claimed(database)
    await jobs.run(database, job)
    assert effects.seen == []


async def test_a_job_that_takes_too_long_counts_as_failed(database: Database) -> None:
    @job("test.slow", time_limit=timedelta(milliseconds=10))
    async def slow(_: Attempt) -> None:
        await asyncio.sleep(5)

    try:
        async with database.writes() as session:
            await outbox.enqueue(session, "test.slow")
        await jobs.run(database, await make_due(database))
    finally:
        del JOB_KINDS["test.slow"]
    (row,) = await rows(database)
    assert "TimeoutError" in str(row.error)


def test_pauses_double_up_to_a_limit_with_jitter() -> None:
    pauses = [jobs.pause_after(attempts).total_seconds() for attempts in range(1, 40)]
    assert all(1.5 * 2**n <= pause <= 2.5 * 2**n for n, pause in enumerate(pauses[:8]))
    assert max(pauses) <= jobs.LONGEST_PAUSE.total_seconds() * 1.25


@pytest.mark.usefixtures("effects")
def test_one_name_is_one_actor() -> None:
    with pytest.raises(jobs.DuplicateJobKind):
        job("test.note")(JOB_KINDS["test.note"].function)
