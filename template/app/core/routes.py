"""The api's endpoints by the shortest way through FastAPI, which stays what they are written for.

FastAPI looks for the route of an included router twice in each request, and reads a query model
field by field. Here a request finds its route at once, and a query is read as a whole.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel, ValidationError
from starlette.routing import BaseRoute

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

# What a route is made of; each has an attribute of the same name.
_PARTS = tuple(inspect.signature(APIRoute).parameters)


class Route(APIRoute):
    """An endpoint whose query is read at once, where it is one model."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        model = _query_model(self.dependant)
        if model is None:
            return handler
        documented = self.dependant
        self.dependant = _with_query_of(documented)
        try:
            return _query_first(model, super().get_route_handler(), handler)
        finally:
            self.dependant = documented


def shorten_routes(app: FastAPI) -> None:
    """Take the endpoints out of the routers that are included; to be called when all are there."""
    app.router.routes[:] = [each for route in app.router.routes for each in _shortened(route)]


def _shortened(route: BaseRoute) -> Iterator[BaseRoute]:
    contexts = list(iter_route_contexts([route]))
    if not all(isinstance(each.original_route, APIRoute) for each in contexts):
        yield route  # a mount, or a router that has one
        return
    for each in contexts:
        original = each.original_route
        # Whoever has a class of his own for it wants that.
        kind: Any = Route if type(original) is APIRoute else type(original)
        yield kind(**{name: getattr(each, name, getattr(original, name, None)) for name in _PARTS})


def _query_model(dependant: Dependant) -> type[BaseModel] | None:
    if len(dependant.query_params) != 1:
        return None
    (parameter,) = dependant.query_params
    kind = parameter.field_info.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _with_query_of(dependant: Dependant) -> Dependant:
    """Return what gives the endpoint the query that has been read already."""
    (parameter,) = dependant.query_params
    reading = Dependant(call=_query_of, name=parameter.name, request_param_name="request")
    return replace(dependant, query_params=[], dependencies=[*dependant.dependencies, reading])


async def _query_of(request: Request) -> BaseModel:
    query: BaseModel = request.scope["query"]
    return query


def _query_first(model: type[BaseModel], with_query: Handler, as_ever: Handler) -> Handler:
    async def handle(request: Request) -> Response:
        pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(pairs)
        if len(given) < len(pairs):
            return await as_ever(request)  # a list, or what may not be given twice
        try:
            request.scope["query"] = model.model_validate(given)
        except ValidationError:
            # FastAPI says what is wrong with it, and with the rest of the request.
            return await as_ever(request)
        return await with_query(request)

    return handle
