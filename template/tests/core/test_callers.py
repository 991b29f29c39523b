"""Endpoints ask their caller for scopes; where nobody says who calls, everybody has them all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from app.core.callers import ANYBODY, SCOPES, Caller, requires
from app.core.errors import MEDIA_TYPE

URL = "/v1/profiles"


@asynccontextmanager
async def calling(app: FastAPI, caller: Caller) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client whose requests come from `caller`."""

    async def known(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["caller"] = caller
        await app(scope, receive, send)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(known), base_url="http://test"
    ) as client:
        yield client


async def test_a_missing_scope_is_named(app: FastAPI) -> None:
    async with calling(app, Caller("reader", {"profiles:read"})) as client:
        assert (await client.get(URL)).status_code == 200
        answer = await client.delete(f"{URL}/{'0' * 32}")
    assert answer.status_code == 403
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["detail"] == "the scope profiles:write is missing"


def test_anybody_has_every_scope_that_is_asked_for() -> None:
    requires("tests:run")
    assert "tests:run" in ANYBODY.scopes
    SCOPES.discard("tests:run")
