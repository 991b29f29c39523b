"""Longer bodies where files come in: there they are never held in memory."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.middleware import BodyLimit
from app.settings import Settings


class LongerBodies(BodyLimit):
    """Limits bodies as the api does, but those of requests under one path to `longest` bytes."""

    def __init__(self, app: ASGIApp, settings: Settings, prefix: str, longest: int) -> None:
        super().__init__(app, settings.max_body_bytes, settings.request_body_time)
        self._prefix = prefix
        self._longer = BodyLimit(app, longest, settings.request_body_time)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        serve = self._longer.serve if path.startswith(self._prefix) else super().serve
        await serve(scope, receive, send)


def let_be_longer(app: FastAPI, prefix: str, longest: int) -> None:
    """Let bodies be longer under a path of the api, which has not started yet."""
    of_api = app.state.settings
    longer = Middleware(LongerBodies, settings=of_api, prefix=prefix, longest=longest)
    app.user_middleware = [longer if _limits(each) else each for each in app.user_middleware]


def _limits(middleware: Middleware) -> bool:
    return isinstance(middleware.cls, type) and issubclass(middleware.cls, BodyLimit)
