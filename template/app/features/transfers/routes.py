"""Routes of a module's own router: of two inside it, nobody finds all methods of a path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

AddRoute = Callable[..., None]


def adding(router: APIRouter, kind: str, name: str) -> AddRoute:
    """Return what adds a route under `/{kind}/{name}`, as FastAPI's own `add_api_route` does."""

    def add_route(path: str, endpoint: Callable[..., Any], **more: Any) -> None:  # noqa: ANN401
        router.add_api_route(f"/{kind}/{name}{path}", endpoint, tags=[kind], **more)

    return add_route
