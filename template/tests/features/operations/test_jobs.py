"""Operators see what became of jobs, and give dead ones another life, all or none."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from app import __main__ as program
from app.core import outbox
from app.core.database import Database
from app.core.outbox import OutboxRow
from app.features.operations.jobs import (
    Filter,
    NotDead,
    State,
    count,
    find,
    get,
    purge,
    purge_older,
    requeue,
)
from tests.databases import emptied_after

NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)
LIVES: dict[State, dict[str, object]] = {
    State.WAITING: {"due_at": NOW},
    State.RUNNING: {"due_at": NOW + 10 * MINUTE, "began_at": NOW, "attempts": 1},
    State.DEAD: {"due_at": None, "attempts": 8, "error": "Traceback\nValueError: no"},
}

T = TypeVar("T")


async def make(database: Database, state: State, actor: str = "test.a") -> UUID:
    async with database.writes() as session:
        job_id = await outbox.enqueue(session, actor, number=1)
        change = update(OutboxRow).where(OutboxRow.id == job_id)
        await session.execute(change.values(LIVES[state]))
    return job_id


@pytest.fixture
async def ids(database: Database) -> dict[State, UUID]:
    """One job in every state."""
    return {state: await make(database, state) for state in State}


async def test_every_job_is_in_one_state(database: Database, ids: dict[State, UUID]) -> None:
    reads = database.reads
    for state, job_id in ids.items():
        (record,) = await find(reads, Filter(state), 10)
        assert (record.id, record.state) == (job_id, state)
        assert await count(reads, Filter(state)) == 1
    assert await count(reads, Filter()) == 3
    assert await count(reads, Filter(actor="test.b")) == 0


async def test_a_running_job_whose_lease_ran_out_waits_again(database: Database) -> None:
    job_id = await make(database, State.RUNNING)
    async with database.writes() as session:
        await session.execute(update(OutboxRow).values(due_at=NOW - MINUTE))
    (waiting,) = await find(database.reads, Filter(State.WAITING), 10)
    assert waiting.id == job_id


async def test_a_requeued_job_is_as_new(database: Database, ids: dict[State, UUID]) -> None:
    async with database.writes() as session:
        await requeue(session, [ids[State.DEAD]])
    record = await get(database.reads, ids[State.DEAD])
    assert record is not None
    assert (record.state, record.attempts, record.error) == (State.WAITING, 0, None)


@pytest.mark.parametrize("act", [requeue, purge])
async def test_only_dead_jobs_are_touched_and_all_or_none(
    database: Database, ids: dict[State, UUID], act: Callable[..., Awaitable[None]]
) -> None:
    unknown = uuid4()
    with pytest.raises(NotDead) as refused:
        async with database.writes() as session:
            await act(session, [ids[State.DEAD], ids[State.RUNNING], unknown])
    assert str(refused.value) == f"{ids[State.RUNNING]}, {unknown}"
    assert await count(database.reads, Filter(State.DEAD)) == 1


async def test_old_dead_jobs_are_purged(database: Database, ids: dict[State, UUID]) -> None:
    async with database.writes() as session:
        assert await purge_older(session, MINUTE) == 0
        assert await purge_older(session, -MINUTE) == 1
    assert await get(database.reads, ids[State.DEAD]) is None
    assert await count(database.reads, Filter()) == 2


def on(url: str, act: Callable[[Database], Awaitable[T]]) -> T:
    """Do something with the database, beside a command that runs its own event loop."""

    async def inside() -> T:
        database = Database(url)
        try:
            return await act(database)
        finally:
            await database.close()

    return asyncio.run(inside())


@pytest.fixture
def jobs(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """`python -m app jobs`, which returns what it printed."""
    monkeypatch.setenv("DATABASE_URL", database_url)

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["app", "jobs", *arguments])
        program.main()
        return capsys.readouterr().out

    return run


@pytest.fixture
def dead(database_url: str) -> Iterator[UUID]:
    """A dead job that is really there, until the test is over."""
    yield on(database_url, lambda database: make(database, State.DEAD))

    async def empty(_: Database) -> None:
        async with emptied_after(database_url):
            pass

    on(database_url, empty)


def test_the_command_lists_shows_requeues_and_purges(jobs: Callable[..., str], dead: UUID) -> None:
    listed = jobs("list", "--dead")
    assert str(dead) in listed
    assert "ValueError: no" in listed
    assert listed.endswith("1 of 1 jobs\n")
    shown = jobs("show", str(dead))
    assert "Traceback\nValueError: no" in shown
    assert '"number": 1' in shown
    assert jobs("requeue", "--all-dead", "--actor", "test.b") == "0 jobs requeued\n"
    assert jobs("requeue", str(dead)) == "1 jobs requeued\n"
    (record,) = json.loads(jobs("list", "--waiting", "--json"))
    assert (record["id"], record["queue"], record["error"]) == (str(dead), "default", None)
    with pytest.raises(SystemExit, match=f"no dead jobs: {dead}"):
        jobs("purge", str(dead))
    assert jobs("purge", "--older-than", "30d") == "0 jobs purged\n"


def test_the_command_pauses_and_resumes(jobs: Callable[..., str], dead: UUID) -> None:
    assert jobs("pause", "--for", "15m", "--wait", "1").endswith("drained: no job runs\n")
    status = json.loads(jobs("status", "--json"))
    assert status["jobs"] == {"waiting": 0, "running": 0, "dead": 1}
    assert status["paused_until"]
    assert "pause      until" in jobs("status")
    assert jobs("resume") == "resumed\n"
    assert jobs("resume") == "there was no pause\n"
    assert str(dead) in jobs("list")


@pytest.mark.parametrize(
    "arguments", [["requeue"], ["purge"], ["show", str(uuid4())], ["purge", "--older-than", "x"]]
)
@pytest.mark.usefixtures("dead")
def test_a_command_that_cannot_be_done_fails(
    jobs: Callable[..., str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as failed:
        jobs(*arguments)
    assert failed.value.code not in {0, None}
