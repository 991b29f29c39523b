"""Endpoints ask for a scope of their module, or for the one that they name themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from app import modules
from app.features.security.scopes import SCOPES, declare_scopes, requires, scopes_of


@pytest.fixture
def router(monkeypatch: pytest.MonkeyPatch) -> Iterator[APIRouter]:
    """The endpoints of the only module there is."""
    router = APIRouter()
    monkeypatch.setattr(modules, "routers", lambda: [("books", router)])
    before = set(SCOPES)
    yield router
    SCOPES.intersection_update(before)


async def endpoint() -> None:
    """Do nothing."""


def asked(router: APIRouter) -> list[list[str]]:
    declare_scopes()
    return [list(scopes_of(route)) for route in router.routes if isinstance(route, APIRoute)]


def test_what_reads_asks_to_read_and_all_else_to_write(router: APIRouter) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        router.add_api_route("/", endpoint, methods=[method])
    assert asked(router) == [["books:read"], *[["books:write"]] * 4]
    assert {"books:read", "books:write"} <= SCOPES


def test_what_says_itself_what_it_asks_for_is_asked_for_nothing_else(router: APIRouter) -> None:
    router.add_api_route("/", endpoint, dependencies=[requires("books:export")])
    assert asked(router) == [["books:export"]]


def test_routers_inside_routers_ask_too(router: APIRouter) -> None:
    inner, own = APIRouter(prefix="/pages"), APIRouter()
    for each in (inner, own):
        each.add_api_route("/", endpoint)
    router.include_router(inner)
    router.include_router(own, prefix="/export", dependencies=[requires("books:export")])
    declare_scopes()
    app = FastAPI()
    app.include_router(router)
    asked = {each.path: list(scopes_of(each)) for each in iter_route_contexts(app.routes)}
    assert asked["/pages/"] == ["books:read"]
    assert asked["/export/"] == ["books:export"]


def test_declaring_twice_asks_once(router: APIRouter) -> None:
    router.add_api_route("/", endpoint)
    assert asked(router) == asked(router) == [["books:read"]]
