"""What every request passes through: headers, its correlation id and log line, the body's limit."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from http import HTTPStatus
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import problem, respond
from app.core.logging import correlated

logger = structlog.get_logger(__name__)

RawHeaders = tuple[tuple[bytes, bytes], ...]

CONTENT_POLICY = b"content-security-policy"
ALWAYS: RawHeaders = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    # An api's answer loads nothing and is shown in no frame. The docs bring a policy of their own.
    (CONTENT_POLICY, b"default-src 'none'; frame-ancestors 'none'"),
)
# Only where this very request came by HTTPS; what other hosts of the domain do is not ours to say.
OVER_HTTPS: RawHeaders = (*ALWAYS, (b"strict-transport-security", b"max-age=31536000"))

HEADER = "X-Request-ID"
ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,64}")
QUIET = frozenset({"/livez", "/readyz"})
UNCHANGED = "The request could not be completed and nothing was changed."
COMMITTED = "The request was carried out, but its answer could not be made."


class RequestMiddleware(ABC):
    """ASGI middleware that serves requests; other scopes pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        serve = self.serve if scope["type"] == "http" else self.app
        await serve(scope, receive, send)

    @abstractmethod
    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""


class RequestContext(RequestMiddleware):
    """Correlates, logs and, when all else fails, answers with a 500 problem."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
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
    answer = respond(problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, detail))
    await answer(scope, receive, send)


def _log(scope: Scope, status: int, started: float) -> None:
    log = logger.debug if scope["path"] in QUIET else logger.info
    log(
        "request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        ms=round((time.perf_counter() - started) * 1000, 1),
    )


class SecurityHeaders(RequestMiddleware):
    """Adds them to every answer that does not have them."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = OVER_HTTPS if scope["scheme"] == "https" else ALWAYS

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(header for header in headers if header[0] not in present),
                ]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class BodyLimit(RequestMiddleware):
    """A body of more than `most` bytes is refused before it is held in memory.

    Starlette's own middleware answers in plain text, and never with a problem document.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        super().__init__(app)
        self.most = most
        self.detail = f"a request has at most {most} bytes"

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > self.most:
            document = problem(Request(scope), HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self.detail)
            # The body is not read, so nothing else can be read from this connection.
            await respond(document, {"Connection": "close"})(scope, receive, send)
        else:
            await self.app(scope, self._counting(receive), send)

    def _counting(self, receive: Receive) -> Receive:
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.most:
                # Raised where FastAPI reads the body, which turns any other kind into a 400.
                raise HTTPException(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self.detail, {"Connection": "close"}
                )
            return message

        return receive_counted
