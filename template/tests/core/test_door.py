"""What no request comes of is cut short at the door, with a problem document where one is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from uvicorn.server import ServerState

from app.core.door import door
from app.core.errors import MEDIA_TYPE
from app.settings import Settings

MOST = 400
HEAD = b"GET /livez HTTP/1.1\r\nHost: test\r\n"
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Stream]]


@asynccontextmanager
async def listening(app: FastAPI, settings: Settings, **limits: object) -> AsyncIterator[Connect]:
    """Yield what connects to a server with these limits."""
    protocol = door(settings.model_copy(update={"max_head_bytes": MOST, **limits}))
    config = uvicorn.Config(app, http=protocol, log_config=None, access_log=False)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol(config=config, server_state=state, app_state={}),  # type: ignore[call-arg]
        host="127.0.0.1",
        port=0,
    )
    opened: list[Stream] = []

    async def connect() -> Stream:
        opened.append(await asyncio.open_connection(*server.sockets[0].getsockname()))
        return opened[-1]

    try:
        yield connect
    finally:
        for _, writer in opened:
            writer.close()
        server.close()


async def told(connect: Connect, sent: bytes) -> httpx.Response:
    """Return what is answered on a new connection."""
    reader, writer = await connect()
    writer.write(sent)
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").splitlines()[:-1]
    headers = dict(line.split(": ", 1) for line in lines)
    body = await reader.readexactly(int(headers["content-length"]))
    return httpx.Response(int(status.split()[1]), headers=headers, content=body)


def assert_refused(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["x-request-id"] == answer.json()["correlation_id"]
    assert answer.headers["connection"] == "close"


LONG = HEAD + b"X: " + b"a" * (MOST - len(HEAD) - 7) + b"\r\n\r\n"
REFUSED = {
    "a head of one byte more": (LONG.replace(b"X: ", b"X: a"), 431),
    "a head without an end": (HEAD + b"X: " + b"a" * 10 * MOST, 431),
    "a header more": (HEAD + b"a:\r\n" * 6 + b"\r\n", 431),
    "a head that does not end in time": (HEAD, 408),
    "no HTTP": (b"hello\r\n\r\n", 400),
}


@pytest.mark.parametrize(("sent", "status"), REFUSED.values(), ids=REFUSED)
async def test_a_head_beyond_its_limits(
    app: FastAPI, settings: Settings, sent: bytes, status: int
) -> None:
    late = timedelta(milliseconds=50 if status == 408 else 60_000)
    async with listening(app, settings, max_headers=6, request_head_time=late) as connect:
        assert_refused(await told(connect, sent), status)


async def test_a_head_within_its_limits(app: FastAPI, settings: Settings) -> None:
    async with listening(app, settings) as connect:
        assert (await told(connect, LONG)).status_code == 200


async def test_of_too_many_the_silent_make_room(app: FastAPI, settings: Settings) -> None:
    async with listening(app, settings, max_connections=2) as connect:
        (silent, _), _other = await connect(), await connect()
        assert (await told(connect, LONG)).status_code == 200
        assert await silent.read() == b""


async def test_where_all_are_served_only_health_checks_are_too(
    app: FastAPI, settings: Settings
) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    @app.get("/slow")
    async def slow() -> None:
        asked.set()
        await answered.wait()

    async with listening(app, settings, max_connections=1) as connect:
        first = asyncio.create_task(told(connect, HEAD.replace(b"/livez", b"/slow") + b"\r\n"))
        await asked.wait()
        other = await told(connect, HEAD.replace(b"/livez", b"/docs") + b"\r\n")
        assert_refused(other, 503)
        assert "retry-after" in other.headers
        assert (await told(connect, LONG)).status_code == 200
        answered.set()
        assert (await first).status_code == 200
