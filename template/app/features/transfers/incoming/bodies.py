"""Longer bodies where files come in: there they are never held in memory."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.middleware import BodyLimit


class LongerBodies(BodyLimit):
    """Limits bodies as the api does, but those of requests under one path to `longest` bytes."""

    def __init__(self, app: ASGIApp, most: int, prefix: str, longest: int) -> None:
        super().__init__(app, most)
        self._prefix = prefix
        self._longer = BodyLimit(app, longest)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        serve = self._longer.serve if path.startswith(self._prefix) else super().serve
        await serve(scope, receive, send)


def let_be_longer(app: FastAPI, prefix: str, longest: int) -> None:
    """Let bodies be longer under a path of the api, which has not started yet."""
    most = app.state.settings.max_body_bytes
    longer = Middleware(LongerBodies, most=most, prefix=prefix, longest=longest)
    app.user_middleware = [longer if _limits(each) else each for each in app.user_middleware]


def _limits(middleware: Middleware) -> bool:
    return isinstance(middleware.cls, type) and issubclass(middleware.cls, BodyLimit)
