"""Traces, switched on: what a collector receives over HTTP, decoded from OTLP's own protobuf."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.request import urlopen

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from sqlalchemy import select, text

from app import worker
from app.commands.worker import command_line
from app.core import outbox
from app.core.database import Database
from app.core.jobs import JOB_KINDS, Attempt, job
from app.core.outbox import OutboxRow
from app.core.transactions import Writes
from app.features.telemetry import tracing
from app.features.telemetry.tracing import TracedRequests
from app.settings import ROOT, Settings
from tests.conftest import connect, serve
from tests.features.redis import RedisServer, free_port
from tests.things import URL, draft, listed
from tests.things.jobs import WEIGH

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOT_SAMPLED = CALLER[:-2] + "00"


@dataclass(frozen=True)
class Received:
    """A span as the collector got it."""

    name: str
    trace: str
    id: str
    parent: str
    failed: bool
    attributes: dict[str, str]


class Collector(ThreadingHTTPServer):
    """A collector of traces on a free port."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.spans: list[Received] = []
        self.services: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def named(self, name: str) -> Received:
        (span,) = [span for span in self.spans if span.name == name]
        return span


class _Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.server.services |= {
                item.value.string_value
                for item in group.resource.attributes
                if item.key == "service.name"
            }
            for scope in group.scope_spans:
                self.server.spans += [
                    Received(
                        name=span.name,
                        trace=span.trace_id.hex(),
                        id=span.span_id.hex(),
                        parent=span.parent_span_id.hex(),
                        failed=span.status.code == 2,
                        attributes={a.key: a.value.string_value for a in span.attributes},
                    )
                    for span in scope.spans
                ]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep quiet."""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that the settings name."""
    with Collector() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "traced")
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def finished() -> Iterator[asyncio.Event]:
    """The end of a chain of two jobs, of which the second fails at first."""
    finished, failures = asyncio.Event(), [RuntimeError("not today")]

    @job("test.first")
    async def first(attempt: Attempt) -> None:
        async with attempt.finishes() as session:
            await outbox.enqueue(session, "test.second")

    @job("test.second", max_attempts=1)
    async def second(_: Attempt) -> None:
        finished.set()
        raise failures.pop()

    yield finished
    del JOB_KINDS["test.first"], JOB_KINDS["test.second"]


async def trace_chain(
    settings: Settings, database: Database, finished: asyncio.Event, **headers: str
) -> None:
    """Ask for the chain over HTTP, wait for its end, and end the api: everything is sent then."""
    async with serve(settings, database) as app, connect(app) as client:

        @app.post("/chains/{name}")
        async def begin(name: str, writes: Writes) -> None:  # noqa: ARG001 - part of the path
            await outbox.enqueue(writes, "test.first")

        assert (await client.get("/livez")).is_success
        assert (await client.post("/chains/one", headers=headers)).is_success
        async with asyncio.timeout(300):
            await finished.wait()


async def test_a_request_its_job_and_the_jobs_of_that_are_one_trace(
    collector: Collector,
    settings: Settings,
    database: Database,
    finished: asyncio.Event,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logging = settings.model_copy(update={"log_format": "json"})
    await trace_chain(logging, database, finished, traceparent=CALLER)
    request = collector.named("POST /chains/{name}")
    first, second = collector.named("job test.first"), collector.named("job test.second")
    assert {span.trace for span in collector.spans} == {CALLER.split("-")[1]}
    assert request.parent == CALLER.split("-")[2]
    assert [first.parent, second.parent] == [request.id, first.id]
    assert [request.failed, first.failed, second.failed] == [False, False, True]
    assert collector.services == {"traced"}
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (line,) = [line for line in lines if line["event"] == "request" and "trace_id" in line]
    assert line["trace_id"] == request.trace


async def test_every_statement_is_a_span_under_what_ran_it_and_holds_no_value(
    collector: Collector, settings: Settings, database: Database, finished: asyncio.Event
) -> None:
    await trace_chain(settings, database, finished)
    request = collector.named("POST /chains/{name}")
    (insert,) = [
        span for span in collector.spans if span.name == "INSERT" and span.parent == request.id
    ]
    assert insert.attributes["db.query.text"].startswith("INSERT INTO outbox")
    assert "test.first" not in insert.attributes["db.query.text"]
    roots = {span.name for span in collector.spans if not span.parent}
    assert roots == {"POST /chains/{name}"}


async def test_what_the_caller_does_not_keep_is_not_kept_here(
    collector: Collector, settings: Settings, database: Database, finished: asyncio.Event
) -> None:
    await trace_chain(settings, database, finished, traceparent=NOT_SAMPLED)
    assert collector.spans == []


async def test_a_part_of_all_traces_can_be_kept(
    collector: Collector,
    settings: Settings,
    database: Database,
    finished: asyncio.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    await trace_chain(settings, database, finished)
    assert collector.spans == []


async def test_a_failed_statement_and_a_failed_request_say_so(
    collector: Collector, settings: Settings, database: Database
) -> None:

    async with serve(settings, database) as app, connect(app) as client:

        @app.get("/broken")
        async def broken(writes: Writes) -> None:
            await writes.execute(text("SELECT * FROM no_table"))

        assert (await client.get("/broken")).status_code == 500
    assert collector.named("GET /broken").failed
    assert collector.named("SELECT").failed


async def test_a_worker_in_a_process_of_its_own_continues_the_trace_and_counts_its_jobs(
    collector: Collector,
    settings: Settings,
    committing: Database,
    server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Two processes on one database have the same master key, where there is one.
    monkeypatch.setenv("MASTER_KEY", b64encode(os.urandom(32)).decode())
    port = free_port()
    shared = settings.model_copy(update={"redis_url": server.url})
    with working(shared, METRICS="true", METRICS_PORT=str(port)) as process:
        async with serve(shared, committing) as app, connect(app) as client:
            path = (await client.post(URL, json=draft())).headers["location"]
            await client.post(f"{path}/weighings")
            async with asyncio.timeout(300):
                # As clients do.
                while not (await client.get(path)).json()["data"]["weighings"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        # A server of our own.
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=300) as answer:  # noqa: ASYNC210
            assert f'actor="{WEIGH}",outcome="done"'.encode() in answer.read()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 300) == 0
    request = collector.named(f"POST {URL}" + "/{thing_id}/weighings")
    job = collector.named(f"job {WEIGH}")
    assert (job.trace, job.parent) == (request.trace, request.id)


def boot() -> None:
    """Make this process a worker that knows the job of things too."""
    with listed():
        worker.boot()


@contextmanager
def working(settings: Settings, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker on the database and the Redis of `settings`."""
    places = {"DATABASE_URL": settings.database_url, "REDIS_URL": str(settings.redis_url)}
    theirs = "app.worker:boot"
    command = [f"{__name__}:boot" if each == theirs else each for each in command_line(settings)]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | places | more)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("away", ["dead", "silent"])
async def test_a_collector_that_is_away_holds_up_nobody(
    settings: Settings,
    database: Database,
    finished: asyncio.Event,
    monkeypatch: pytest.MonkeyPatch,
    away: str,
) -> None:
    """Neither the request and its jobs, nor the end of the process."""
    monkeypatch.setattr(tracing, "EXPORT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        if away == "dead":
            silent.close()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        async with asyncio.timeout(300):
            await trace_chain(settings, database, finished)


async def test_nothing_is_traced_unless_asked_for(
    app: FastAPI, client: httpx.AsyncClient, database: Database
) -> None:
    assert (await client.get("/livez")).is_success
    assert TracedRequests.__name__ not in repr(app.user_middleware)
    async with database.writes() as session:
        await outbox.enqueue(session, "test.first")
        headers = (await session.execute(select(OutboxRow.headers))).scalar_one()
    assert headers == {}
