"""Metrics, switched on: fetched as Prometheus fetches them, and read with its own parser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.request import urlopen

import httpx
import pytest
from dramatiq import Worker
from dramatiq.brokers.stub import StubBroker
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from app import features
from app.core import job_hooks, outbox
from app.core.database import Database
from app.core.jobs import JOB_KINDS, Attempt, job
from app.core.outbox import OutboxRow
from app.features.telemetry import scrape
from app.settings import Settings
from tests.claiming import work
from tests.conftest import connect, serve
from tests.features.redis import free_port
from tests.things import URL

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Metrics on, and the state of the outbox never older than the scrape."""
    monkeypatch.setenv("METRICS", "true")
    monkeypatch.setattr(scrape, "OUTBOX_FRESH_SECONDS", 0.0)
    monkeypatch.setattr(job_hooks, "_hooks", {})
    return settings


def read(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scraped(client: httpx.AsyncClient) -> Samples:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return read(answer.text)


class Grown:
    """How much each sample has grown since."""

    def __init__(self, before: Samples, after: Samples) -> None:
        self._before, self._after = before, after

    def __call__(self, name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return self._after.get(key, 0) - self._before.get(key, 0)

    def routes(self) -> set[str]:
        new = self._after.keys() - self._before.keys()
        return {dict(labels).get("route", "") for _, labels in new}


async def test_requests_are_counted_under_the_template_of_their_route(
    client: httpx.AsyncClient,
) -> None:
    before = await scraped(client)
    for number in range(3):
        await client.get(f"{URL}/00000000-0000-0000-0000-00000000000{number}")
    await client.request("BREW", URL)
    for path in ("/nowhere", "/else?where=1"):
        await client.get(path)
    after = await scraped(client)
    grown, name = Grown(before, after), "http_request_duration_seconds_count"
    assert grown(name, method="GET", route=URL + "/{thing_id}", status="404") == 3
    assert grown(name, method="GET", route="unknown", status="404") == 2
    assert grown(name, method="unknown", route=URL, status="405") == 1
    assert not any("nowhere" in route or "0000" in route for route in grown.routes())


async def test_a_request_that_fails_is_a_500_and_none_stays_in_flight(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("broken")

    before = await scraped(client)
    await client.get("/broken")
    after = await scraped(client)
    labels = {"method": "GET", "route": "/broken", "status": "500"}
    assert Grown(before, after)("http_request_duration_seconds_count", **labels) == 1
    assert after["http_requests_in_flight", ()] == 1  # the scrape itself


@pytest.fixture
async def failing() -> AsyncIterator[None]:
    @job("test.fails", max_attempts=1)
    async def fails(_: Attempt) -> None:
        raise RuntimeError("no")

    yield
    del JOB_KINDS["test.fails"]


@pytest.mark.usefixtures("failing")
async def test_jobs_and_their_claims_are_counted_by_how_they_ended(
    client: httpx.AsyncClient, database: Database
) -> None:
    before = await scraped(client)
    async with database.writes() as session:
        await outbox.enqueue(session, "test.fails")
        await outbox.enqueue(session, "test.fails")
    dead = ("outbox_jobs", (("state", "dead"),))
    async with asyncio.timeout(300):
        while (after := await scraped(client))[dead] < 2:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
    grown = Grown(before, after)
    assert grown("job_duration_seconds_count", actor="test.fails", outcome="failed") == 2
    assert grown("relay_jobs_total", outcome="sent") == 2
    assert grown("relay_batches_total", outcome="sent") >= 1


async def test_the_outbox_shows_what_waits_and_since_when(
    settings: Settings, database: Database
) -> None:
    quiet = settings.model_copy(update={"job_poll": timedelta(hours=1)})
    async with serve(quiet, database) as app, connect(app) as client:
        assert (await scraped(client))["outbox_oldest_seconds", ()] == 0
        await asyncio.sleep(0.05)  # the runner's first look
        async with database.writes() as session:
            await outbox.enqueue(session, "test.old")
            await outbox.enqueue(session, "test.new")
            hour_ago = datetime.now(UTC) - timedelta(hours=1)
            old = update(OutboxRow).where(OutboxRow.actor == "test.old")
            await session.execute(old.values(created_at=hour_ago))
        samples = await scraped(client)
    assert samples["outbox_jobs", (("state", "waiting"),)] == 2
    assert samples["outbox_oldest_seconds", ()] == pytest.approx(3600, abs=30)


async def test_a_scrape_answers_when_the_database_does_not(
    settings: Settings, away: Database
) -> None:
    app = scrape_app(settings, away)
    async with connect(app) as client:
        samples = await scraped(client)
    value = samples["outbox_jobs", (("state", "waiting"),)]
    assert value != value  # noqa: PLR0124 - only NaN differs from itself


def scrape_app(settings: Settings, database: Database) -> FastAPI:
    app = FastAPI()
    app.state.settings, app.state.database = settings, database
    scrape.install(app)
    return app


async def test_metrics_are_off_unless_asked_for(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("METRICS")
    async with serve(settings, database) as app, connect(app) as client:
        assert (await client.get("/metrics")).status_code == 404


@pytest.mark.usefixtures("failing")
async def test_a_worker_serves_its_metrics_on_a_port_of_its_own(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("METRICS_PORT", str(port))
    broker = StubBroker()
    for feature in features.found():
        feature.install_worker(broker, settings)
    worker = Worker(broker, worker_threads=1)
    worker.start()
    try:
        before = await fetched(port)
        async with database.writes() as session:
            await outbox.enqueue(session, "test.fails")
        assert await work(database) == 1
        grown = Grown(before, await fetched(port))
    finally:
        worker.stop()
    assert grown("job_duration_seconds_count", actor="test.fails", outcome="failed") == 1
    with pytest.raises(OSError, match="refused"):
        await fetched(port)


async def fetched(port: int) -> Samples:
    def fetch() -> str:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=300) as answer:
            return str(answer.read().decode())

    return read(await asyncio.to_thread(fetch))
