"""A body that is too long is refused with a problem document, however it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, File, Request, UploadFile

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


async def test_a_body_that_declares_too_much_is_not_read(client: httpx.AsyncClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        pytest.fail("it was read")
        yield b""

    answer = await client.post(URL, content=body(), headers={"Content-Length": str(MOST + 1)})
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


async def test_other_requests_are_not_touched(settings: Settings, database: Database) -> None:
    async with serve(settings, database) as app, connect(app) as client:
        assert (await client.get("/livez")).status_code == 200
