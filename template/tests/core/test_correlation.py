"""One correlation id, from a request through its job into the jobs of that job."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from app.core import outbox
from app.core.database import Database
from app.core.jobs import JOB_KINDS, Attempt, job
from app.core.logging import configure_logging
from app.core.transactions import Writes
from app.settings import Settings
from tests.conftest import connect, serve


@pytest.fixture
def finished() -> Iterator[asyncio.Event]:
    """The end of a chain of two jobs: the first asks for the second."""
    finished = asyncio.Event()

    @job("test.first")
    async def first(attempt: Attempt) -> None:
        async with attempt.finishes() as session:
            await outbox.enqueue(session, "test.second")

    @job("test.second")
    async def second(attempt: Attempt) -> None:
        async with attempt.finishes():
            finished.set()

    yield finished
    del JOB_KINDS["test.first"], JOB_KINDS["test.second"]


async def test_every_line_of_the_whole_chain_has_the_id_of_the_request(
    settings: Settings,
    database: Database,
    finished: asyncio.Event,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with serve(settings, database) as app, connect(app) as client:

        @app.post("/begin")
        async def begin(writes: Writes) -> None:
            await outbox.enqueue(writes, "test.first")

        # What features have told at the start was in another form.
        capsys.readouterr()
        configure_logging("INFO", "json")
        await client.post("/begin", headers={"X-Request-ID": "order-66"})
        async with asyncio.timeout(300):
            await finished.wait()
    every = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    # A job that was swept and handed over at once is skipped by the second who comes for it.
    ours = [line for line in every if line["logger"].startswith("app.")]
    lines = [line for line in ours if line["event"] != "job.skipped"]
    assert [(line["event"], line.get("actor")) for line in lines] == [
        ("request", None),
        ("job.done", "test.first"),
        ("job.done", "test.second"),
    ]
    assert {line["correlation_id"] for line in lines} == {"order-66"}
