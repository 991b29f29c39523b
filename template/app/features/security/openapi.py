"""What OpenAPI says about security: how to send credentials, and what each operation asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.routing import iter_route_contexts

from app.features.security.scopes import scopes_of

if TYPE_CHECKING:
    from fastapi import FastAPI

NAME = "bearer"
SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "An access token (JWT) of the issuer, or the key of a registered client.",
}
REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)

Document = dict[str, Any]


def install(app: FastAPI) -> None:
    """Complete the document of `app`."""
    app.openapi = _completed(app, app.openapi)  # type: ignore[method-assign]


def _completed(app: FastAPI, inner: Callable[[], Document]) -> Callable[[], Document]:
    def openapi() -> Document:
        document = inner()
        schemes = document["components"].setdefault("securitySchemes", {})
        if NAME not in schemes:
            schemes[NAME] = SCHEME
            for operation, scopes in _guarded(app, document):
                _declare(operation, scopes)
        return document

    return openapi


def _guarded(app: FastAPI, document: Document) -> Iterator[tuple[Document, list[str]]]:
    """Yield every operation that asks for scopes."""
    for route in iter_route_contexts(app.routes):
        scopes = list(scopes_of(route))
        path = document["paths"].get(route.path_format, {})
        for method in route.methods or () if scopes else ():
            if method.lower() in path:
                yield path[method.lower()], scopes


def _declare(operation: Document, scopes: list[str]) -> None:
    operation["security"] = [{NAME: scopes}]
    responses = operation["responses"]
    for status in REFUSALS:
        refusal = {"description": status.phrase, "content": responses["default"]["content"]}
        responses.setdefault(str(status.value), refusal)
