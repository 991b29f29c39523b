"""The endpoints of a router, also those of routers that are included in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastapi import APIRouter, params
from fastapi.routing import APIRoute

Dependencies = Sequence[params.Depends]


def endpoints_of(
    router: APIRouter, included_with: Dependencies = ()
) -> Iterator[tuple[APIRoute, Dependencies]]:
    """Yield each endpoint, and what it depends on for where it is included."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route, included_with
        elif isinstance(inner := getattr(route, "original_router", None), APIRouter):
            context = getattr(route, "include_context", None)
            yield from endpoints_of(inner, getattr(context, "dependencies", ()))
