"""The worker's health: /livez and /readyz over HTTP, for a process that has no api.

Liveness says that the event loop turns, readiness names what the process needs. Small enough to be
read at once, so that a worker needs no web framework.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import orjson
import structlog
from redis.asyncio import Redis
from sqlalchemy import text

from app.core.database import Database
from app.core.runner import Runner
from app.features.operations.heartbeat import Watch
from app.features.operations.schedule import Scheduler

logger = structlog.get_logger(__name__)

# A runner that has not looked at the outbox for so long hangs, or its database is away.
SILENT_SECONDS = 30
REQUEST_SECONDS = 5
REDIS_SECONDS = 1

Check = Callable[[], Awaitable[None]]


class Probe:
    """Answers the orchestrator's questions about a worker process."""

    def __init__(
        self, runner: Runner, watch: Watch, scheduler: Scheduler, checks: Mapping[str, Check]
    ) -> None:
        """Be ready while every check returns; one that raises has failed."""
        self._runner = runner
        self._watch = watch
        self._scheduler = scheduler
        self._checks = {"relay": self._runner_looks, **checks}
        self._server: asyncio.Server | None = None

    async def serve(self, host: str, port: int) -> int:
        self._server = await asyncio.start_server(self._answer, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                request = await reader.readuntil(b"\r\n\r\n")
                status, body = await self._response(request.split(b" ", 2)[1])
                writer.write(_message(status, orjson.dumps(body)))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            logger.debug("probe.unanswered")
        finally:
            writer.close()

    async def _response(self, path: bytes) -> tuple[str, dict[str, object]]:
        if path == b"/livez":
            return "200 OK", {"status": "ok"}
        if path == b"/readyz":
            return await self._readiness()
        return "404 Not Found", {"status": "failed"}

    async def _readiness(self) -> tuple[str, dict[str, object]]:
        checks = {name: await _state(name, check) for name, check in self._checks.items()}
        ready = set(checks.values()) == {"ok"}
        return "200 OK" if ready else "503 Service Unavailable", {
            "status": "ok" if ready else "failed",
            "checks": checks,
            "state": self._watch.state.value,
            "running": self._watch.running,
            "schedules": self._scheduler.leads,
        }

    async def _runner_looks(self) -> None:
        silent = time.monotonic() - self._runner.swept_at
        if silent > SILENT_SECONDS:
            raise TimeoutError(f"the outbox was not looked at for {silent:.0f} seconds")


def database_answers(database: Database) -> Check:
    async def check() -> None:
        await database.reads.execute(text("SELECT version_num FROM alembic_version"))

    return check


def redis_answers(url: str) -> Check:
    async def check() -> None:
        client = Redis.from_url(
            url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
        )
        async with client:
            await client.ping()

    return check


async def _state(name: str, check: Check) -> str:
    try:
        await check()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        logger.warning("probe.failed", check=name, error=str(error))
        return "failed"
    return "ok"


def _message(status: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
