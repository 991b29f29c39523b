"""What every request passes through: headers, its correlation id and log line, the body's limit."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from uuid import uuid4

import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import problem, respond
from app.core.logging import correlated, log_request

logger = structlog.get_logger(__name__)

RawHeader = tuple[bytes, bytes]
RawHeaders = tuple[RawHeader, ...]

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
_ID = HEADER.lower().encode()
ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,64}")
QUIET = frozenset({"/livez", "/readyz"})
UNCHANGED = "The request could not be completed and nothing was changed."
COMMITTED = "The request was carried out, but its answer could not be made."
# A host that is not named, or twice, is read in as many ways as there are proxies (RFC 9112, 3.2).
ONE_HOST = "a request names its host once, in the Host header"
# How long a client that is still sending what nobody reads may take for it.
LINGER_SECONDS = 10
CLOSE = {"Connection": "close"}
MEBIBYTE = 2**20


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
    """Correlates, logs, adds headers and, when all else fails, answers with a 500 problem."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if ACCEPTED.fullmatch(given) else uuid4().hex
        with correlated(request_id):
            await self._serve(scope, receive, send, request_id)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_ours(message["headers"], scope, request_id)
            await send(message)

        try:
            serve = self.app if _names_its_host(scope) else _answer_400
            await serve(scope, receive, send_with_headers)
        except Exception:
            logger.exception("request.failed")
            if status:
                raise  # the answer has begun: only closing the connection is honest now
            await _answer_500(scope, receive, send_with_headers)
        finally:
            _log(scope, status, started)


def _with_ours(given: Iterable[RawHeader], scope: Scope, request_id: str) -> list[RawHeader]:
    """Return an answer's headers with its id, and with what it does not say itself."""
    headers = [each for each in given if each[0] != _ID]
    present = {name for name, _ in headers}
    wanted = OVER_HTTPS if scope["scheme"] == "https" else ALWAYS
    missing = [each for each in wanted if each[0] not in present]
    return [*headers, *missing, (_ID, request_id.encode())]


def _names_its_host(scope: Scope) -> bool:
    """Say whether the host is named as HTTP/1.1 demands; 1.0 knows no such header."""
    named = sum(name == b"host" for name, _ in scope["headers"])
    return named == 1 or (not named and scope["http_version"] != "1.1")


async def _answer_400(scope: Scope, receive: Receive, send: Send) -> None:
    document = problem(Request(scope), HTTPStatus.BAD_REQUEST, ONE_HOST)
    await respond(document)(scope, receive, send)


async def _answer_500(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope)
    detail = COMMITTED if getattr(request.state, "is_committed", False) else UNCHANGED
    answer = respond(problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, detail))
    await answer(scope, receive, send)


def _log(scope: Scope, status: int, started: float) -> None:
    log_request(
        logging.DEBUG if scope["path"] in QUIET else logging.INFO,
        method=scope["method"],
        path=scope["path"],
        status=status,
        ms=round((time.perf_counter() - started) * 1000, 1),
    )


class HeadOfGet(RequestMiddleware):
    """Answers HEAD wherever GET is answered: alike, without the body (RFC 9110, 9.3.2)."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        # A copy: the server knows by its own that no body follows the headers.
        asked = {**scope, "method": "GET"}

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if "body" in message else message)

        try:
            await self.app(asked, receive, send_without_body)
        finally:
            scope["route"] = asked.get("route")


class BodyLimit(RequestMiddleware):
    """Refuses a body of more than `most` bytes before it is held in memory, and one that is late.

    Each MiB may take `patience`. Starlette's own middleware answers in plain text, and knows no
    time.
    """

    def __init__(self, app: ASGIApp, most: int, patience: timedelta) -> None:
        super().__init__(app)
        self.most = most
        self.patience = patience.total_seconds()
        self.detail = f"a request has at most {most} bytes"

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > self.most:
            document = problem(Request(scope), HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self.detail)
            await respond(document, CLOSE)(scope, receive, lingering(receive, send))
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        received, waited, is_whole = 0, 0.0, False

        async def receive_counted() -> Message:
            nonlocal received, waited, is_whole
            if is_whole:
                return await receive()
            began = time.monotonic()
            message = await self._in_time(receive, received, waited)
            waited += time.monotonic() - began
            is_whole = not message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > self.most:
                # Raised where FastAPI reads the body, which turns any other kind into a 400.
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self.detail, CLOSE)
            return message

        async def send_to_who_is_sending(message: Message) -> None:
            await (lingering(receive, send) if received > self.most else send)(message)

        await self.app(scope, receive_counted, send_to_who_is_sending)

    async def _in_time(self, receive: Receive, received: int, waited: float) -> Message:
        allowed = self.patience * (1 + received // MEBIBYTE)
        try:
            async with asyncio.timeout(allowed - waited):
                return await receive()
        except TimeoutError:
            detail = f"the body was not sent within {allowed:g} seconds"
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, detail, CLOSE) from None


def lingering(receive: Receive, send: Send) -> Send:
    """Return a `send` that ends an answer when the client has sent all, which nobody reads.

    A connection that is closed before that is reset, and the answer is lost on its way.
    """

    async def send_and_linger(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            await send({**message, "more_body": True})
            with suppress(TimeoutError):
                async with asyncio.timeout(LINGER_SECONDS):
                    while (await receive()).get("more_body", False):
                        pass
            message = {"type": message["type"]}
        await send(message)

    return send_and_linger
