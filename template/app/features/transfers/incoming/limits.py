"""How long a request may be where files come in: they are written down, and never held whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.middleware import Middleware

from app.core.middleware import BodyLimit

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Receive, Scope, Send


class LongerBodies(BodyLimit):
    """The limit of every request, and another one for those under a path."""

    def __init__(self, app: ASGIApp, most: int, path: str, longer: int) -> None:
        super().__init__(app, most)
        self._path = path
        self._longer = BodyLimit(app, longer)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path.startswith(self._path):
            await self._longer.serve(scope, receive, send)
        else:
            await super().serve(scope, receive, send)


def take_longer(app: FastAPI, path: str, longer: int) -> None:
    """Let the api take bodies of `longer` bytes under a path."""
    app.user_middleware[:] = [
        Middleware(LongerBodies, *each.args, path=path, longer=longer, **each.kwargs)
        if each.cls is BodyLimit
        else each
        for each in app.user_middleware
    ]
