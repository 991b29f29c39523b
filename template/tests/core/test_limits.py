"""A body that is too long, or too slow, is refused with a problem document."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, File, Request, UploadFile
from starlette.types import Message

from app.core.database import Database
from app.settings import Settings
from tests.conftest import connect, serve
from tests.test_promises import assert_problem
from tests.things import URL

MOST = 2000


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with a short limit."""
    return settings.model_copy(update={"max_body_bytes": MOST})


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 100):
        yield b"x" * 100


async def test_a_body_that_declares_too_much_is_refused_for_that(client: httpx.AsyncClient) -> None:
    headers = {"Content-Length": str(MOST + 1)}
    answer = await client.post(URL, content=chunks(100), headers=headers)
    assert_problem(answer, 413)
    assert str(MOST) in answer.json()["detail"]


async def test_json_in_chunks_ends_at_the_limit(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        URL, content=chunks(10_000), headers={"Content-Type": "application/json"}
    )
    assert_problem(answer, 413)


async def test_an_upload_in_chunks_ends_at_the_limit(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    @app.put("/upload")
    async def upload(image: Annotated[UploadFile, File()]) -> int:
        return len(await image.read())

    async def body() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
        async for chunk in chunks(10_000):
            yield chunk
        yield b"\r\n--b--\r\n"

    answer = await client.put(
        "/upload",
        content=body(),
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert_problem(answer, 413)


@pytest.mark.parametrize("declared", [{}, {"Content-Length": str(MOST)}])
async def test_a_body_up_to_the_limit_is_read(
    app: FastAPI, client: httpx.AsyncClient, declared: dict[str, str]
) -> None:
    @app.post("/measure")
    async def measure(request: Request) -> int:
        return len(await request.body())

    answer = await client.post("/measure", content=chunks(MOST), headers=declared)
    assert answer.json() == MOST


@pytest.mark.parametrize("declared", [[], [(b"content-length", b"5000")]])
async def test_who_is_still_sending_gets_to_read_the_refusal(
    app: FastAPI, declared: list[tuple[bytes, bytes]]
) -> None:
    """A connection that is closed before the client has sent all is reset, the answer lost."""
    left = [b"x" * 1000] * 5
    seen: list[str] = []

    async def receive() -> Message:
        seen.append("read")
        return {"type": "http.request", "body": left.pop(), "more_body": bool(left)}

    async def send(message: Message) -> None:
        ends = message["type"] == "http.response.body" and not message.get("more_body")
        seen.append("closed" if ends else str(message.get("status", "told")))

    headers = [(b"host", b"test"), (b"content-type", b"application/json"), *declared]
    scope = {"type": "http", "http_version": "1.1", "method": "POST", "scheme": "http"}
    await app({**scope, "path": URL, "query_string": b"", "headers": headers}, receive, send)
    assert seen.index("413") < seen.index("told") < seen.index("closed") == len(seen) - 1
    assert not left


async def test_a_body_that_does_not_come_is_not_waited_for(
    settings: Settings, database: Database
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    hasty = settings.model_copy(update={"request_body_time": timedelta(milliseconds=50)})
    async with serve(hasty, database) as app, connect(app) as client:
        answer = await client.post(
            URL, content=body(), headers={"Content-Type": "application/json"}
        )
    assert_problem(answer, 408)
    assert answer.headers["connection"] == "close"


async def test_other_requests_are_not_touched(settings: Settings, database: Database) -> None:
    async with serve(settings, database) as app, connect(app) as client:
        assert (await client.get("/livez")).status_code == 200
