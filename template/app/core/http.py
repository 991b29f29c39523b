"""What every request passes through: its correlation id, its log line, and the last resort."""

from __future__ import annotations

import re
import time
from http import HTTPStatus
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import problem, respond
from app.core.logging import correlated

logger = structlog.get_logger(__name__)

HEADER = "X-Request-ID"
ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,64}")
QUIET = frozenset({"/livez", "/readyz"})
UNCHANGED = "The request could not be completed and nothing was changed."
COMMITTED = "The request was carried out, but its answer could not be made."


class RequestContext:
    """ASGI middleware: correlates, logs and, when all else fails, answers with a 500 problem."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other scopes pass untouched."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if ACCEPTED.fullmatch(given) else uuid4().hex
        with correlated(request_id):
            await self._serve(scope, receive, send, request_id)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started, status = time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            logger.exception("request.failed")
            if status:
                raise  # the answer has begun: only closing the connection is honest now
            await _answer_500(scope, receive, send_with_id)
        finally:
            _log(scope, status, started)


async def _answer_500(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope)
    detail = COMMITTED if getattr(request.state, "is_committed", False) else UNCHANGED
    document = problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, detail)
    await respond(document)(scope, receive, send)


def _log(scope: Scope, status: int, started: float) -> None:
    log = logger.debug if scope["path"] in QUIET else logger.info
    log(
        "request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        ms=round((time.perf_counter() - started) * 1000, 1),
    )
