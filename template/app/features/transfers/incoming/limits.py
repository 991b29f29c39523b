"""How long a request may be where files come in: they are written down, and never held whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    app.user_middleware[:] = [_longer(each, path, longer) for each in app.user_middleware]


def _longer(known: Any, path: str, longer: int) -> Middleware:  # noqa: ANN401 - of any arguments
    if known.cls is not BodyLimit:
        kept: Middleware = known
        return kept
    options = {**known.kwargs, "path": path, "longer": longer}
    return Middleware(LongerBodies, *known.args, **options)
