"""Endpoints by the shortest way answer as FastAPI's own do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from app.core.routes import Route, shorten_routes


class Wanted(BaseModel):
    number: int = 3
    names: list[str] = []
    flag: bool = Field(default=False, alias="is-flag")
    text: str | None = None


class Custom(APIRoute):
    """Somebody's own."""


def make() -> FastAPI:
    """Make an app with routers in routers, and a dependency of each."""
    seen: list[str] = []
    app = FastAPI(dependencies=[Depends(lambda: seen.append("app"))])
    outer, inner = APIRouter(prefix="/outer", tags=["outer"]), APIRouter(prefix="/inner")
    custom, mounted = APIRouter(route_class=Custom), APIRouter()

    @inner.get("/{key}")
    async def read(key: int, query: Annotated[Wanted, Query()]) -> dict[str, object]:
        return {"key": key, **query.model_dump(), "seen": seen}

    @custom.get("/custom")
    async def own() -> str:
        return "own"

    outer.include_router(inner, dependencies=[Depends(lambda: seen.append("inner"))])
    mounted.mount("/below", FastAPI())
    for router in (outer, custom, mounted):
        app.include_router(router)
    return app


@pytest.fixture
async def clients() -> AsyncIterator[list[httpx.AsyncClient]]:
    """Clients of the app as FastAPI makes it, and by the shortest way."""
    ways = [make(), make()]
    shorten_routes(ways[1])
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(ways[0]), base_url="http://test") as long,
        httpx.AsyncClient(transport=httpx.ASGITransport(ways[1]), base_url="http://test") as short,
    ):
        yield [long, short]


@pytest.mark.parametrize(
    "path",
    [
        "/outer/inner/1",
        "/outer/inner/1?number=4&is-flag=yes&text=",
        "/outer/inner/1?names=a&number=4",
        "/outer/inner/1?names=a&names=b",
        "/outer/inner/1?number=4&number=5&more=%C3%BC+%26",
        "/outer/inner/x?number=y&is-flag=z",
        "/outer/inner/1/",
        *("/custom", "/below/openapi.json", "/openapi.json"),
    ],
)
async def test_they_answer_alike(clients: list[httpx.AsyncClient], path: str) -> None:
    long, short = [await each.get(path) for each in clients]
    assert (short.status_code, short.json() if short.is_success else short.text) == (
        long.status_code,
        long.json() if long.is_success else long.text,
    )


def test_routers_are_gone_but_for_what_is_no_endpoint() -> None:
    app = make()
    shorten_routes(app)
    kinds = {getattr(each, "path", None): type(each) for each in app.router.routes}
    assert kinds["/outer/inner/{key}"] is Route
    assert kinds["/custom"] is Custom
