"""Every answer tells browsers what not to do with it, and knows where a proxy publishes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tests.things import URL, draft


@asynccontextmanager
async def behind_proxy(
    app: FastAPI, *, trusted: str = "127.0.0.1", root_path: str = ""
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client that reaches `app` as through a server with these settings."""
    outer = ProxyHeadersMiddleware(app, trusted)  # type: ignore[arg-type]
    transport = httpx.ASGITransport(outer, root_path=root_path)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize("path", ["/livez", URL, "/nowhere", "/docs", "/broken"])
async def test_every_answer_carries_them(
    app: FastAPI, client: httpx.AsyncClient, path: str
) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError

    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert len(headers.get_list("content-security-policy")) == 1
    assert "strict-transport-security" not in headers


async def test_https_is_remembered_where_a_trusted_proxy_says_so(app: FastAPI) -> None:
    said = {"X-Forwarded-Proto": "https"}
    async with behind_proxy(app) as client:
        trusted = await client.get("/livez", headers=said)
    async with behind_proxy(app, trusted="10.0.0.1") as client:
        stranger = await client.get("/livez", headers=said)
    assert "max-age" in trusted.headers["strict-transport-security"]
    assert "strict-transport-security" not in stranger.headers


async def test_addresses_begin_with_the_path_that_it_is_published_at(app: FastAPI) -> None:
    async with behind_proxy(app, root_path="/staff") as client:
        created = await client.post(f"/staff{URL}", json=draft())
        assert created.headers["location"].startswith(f"/staff{URL}/")
        assert (await client.get(created.headers["location"])).status_code == 200
        schema = (await client.get("/staff/openapi.json")).json()
        assert schema["servers"] == [{"url": "/staff"}]
        missing = (await client.get("/staff/nowhere")).json()
        assert missing["instance"] == "/staff/nowhere"
