"""The door: what a connection may cost before there is a request, and which of too many may stay.

uvicorn's parser takes a head of any size, in time that grows with its square, and waits for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from heapq import nsmallest
from http import HTTPStatus

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.core.errors import RETRY_AFTER_SECONDS, problem, respond
from app.core.middleware import CLOSE, QUIET, RequestContext, lingering
from app.settings import Settings

logger = structlog.get_logger(__name__)

HEALTH = frozenset(path.encode() for path in QUIET)
AGAIN = {"Retry-After": str(RETRY_AFTER_SECONDS)}
# Stands for a request that could not be read: without a Host, and something is still to come.
UNREADABLE = b"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\n"
# What uvicorn says of one beside its answer, which has a line of its own.
ALSO_SAID = "Invalid HTTP request received."
# How often the log says that there are too many connections.
TELL_SECONDS = 60.0


def door(settings: Settings) -> type[asyncio.Protocol]:
    """Return the protocol for the server of one process, with the limits of `settings`."""

    class OfProcess(Door):
        keeper = Doorkeeper(settings)

    logging.getLogger("uvicorn.error").addFilter(lambda record: record.msg != ALSO_SAID)
    return OfProcess


class Doorkeeper:
    """The limits of one process, and what is answered beyond them."""

    def __init__(self, settings: Settings) -> None:
        self.head_bytes = settings.max_head_bytes
        self.headers = settings.max_headers
        self.head_seconds = settings.request_head_time.total_seconds()
        self.connections = settings.max_connections
        self.not_http = _refusal(HTTPStatus.BAD_REQUEST, "what was sent is not HTTP/1.1")
        self.too_late = _refusal(
            HTTPStatus.REQUEST_TIMEOUT,
            f"the head of a request was not sent within {self.head_seconds:g} seconds",
        )
        self.too_long = _refusal(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"the head of a request has at most {self.head_bytes} bytes and {self.headers} headers",
        )
        self.too_many = _refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "too many requests are being answered; nothing was changed, and it is worth repeating",
        )
        self._told = -TELL_SECONDS

    def admit(self, newcomer: Door, present: Collection[object]) -> None:
        """Close, for one too many, whom nothing was heard of for the longest: HTTP lets us.

        Where the app works for all of them, the newcomer is told to come again.
        """
        if len(present) <= self.connections:
            return
        doors = (each for each in present if isinstance(each, Door) and each is not newcomer)
        waiting = [each for each in doors if each.is_waiting()]
        newcomer.is_one_too_many = not waiting
        # Some at once: it is not to be asked again for each of very many.
        for each in nsmallest(1 + self.connections // 20, waiting, key=lambda door: door.heard):
            each.transport.close()
        now = newcomer.heard
        if now - self._told >= TELL_SECONDS:
            self._told = now
            logger.warning("connections.full", most=self.connections)


def _refusal(status: HTTPStatus, detail: str) -> ASGIApp:
    """Return an app that answers everything so, and closes the connection."""
    headers = CLOSE | (AGAIN if status is HTTPStatus.SERVICE_UNAVAILABLE else {})

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        answer = respond(problem(Request(scope), status, detail), headers)
        # Who was too slow is not waited for once more.
        slow = status is HTTPStatus.REQUEST_TIMEOUT
        await answer(scope, receive, send if slow else lingering(receive, send))

    return RequestContext(refuse)


class Door(HttpToolsProtocol):
    """One connection."""

    keeper: Doorkeeper
    # When something came last.
    heard: float
    is_one_too_many = False
    # How much came since there was a whole head, a part of a body or its end: of a head, or of
    # what stands around the chunks of a body and behind them.
    _unread = 0
    _in_body = False
    # Nothing more is read.
    _is_over = False
    _timer: asyncio.TimerHandle | None = None

    def is_waiting(self) -> bool:
        """Say whether the next move is the client's."""
        return self._in_body or not self._is_answering()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.heard = self.loop.time()
        self.keeper.admit(self, self.connections)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        self._end()
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        self.heard = self.loop.time()
        unread = self._unread + len(data)
        if unread > self.keeper.head_bytes or self._is_over:
            self._receive_in_pieces(data)
        else:
            self._unread = unread
            super().data_received(data)
        if self._is_over:
            return
        if not (self._unread or self._in_body):
            self._stop_timer()
        elif self._timer is None:
            self._start_timer()

    def _receive_in_pieces(self, data: bytes) -> None:
        """Give the parser no more at once than a head may still have."""
        start = 0
        while start < len(data) and not (self._is_over or self.transport.is_closing()):
            most = self.keeper.head_bytes - self._unread
            if not most:
                self._refuse(self.keeper.too_long)
                return
            piece = data[start : start + most]
            start += len(piece)
            self._unread += len(piece)
            super().data_received(piece)

    def on_headers_complete(self) -> None:
        self._unread = 0
        app = self.app
        if len(self.headers) > self.keeper.headers:
            self.app = self.keeper.too_long
        elif self.is_one_too_many and self.url.partition(b"?")[0] not in HEALTH:
            self.app = self.keeper.too_many
        super().on_headers_complete()
        self.app = app
        self._in_body = True

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unread = 0
        self._in_body = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - what uvicorn would say
        self._refuse(self.keeper.not_http)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self.keeper.head_seconds, self._end_of_patience)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_of_patience(self) -> None:
        self._timer = None
        if self._in_body and self._is_answering():
            self._start_timer()  # the app measures the time of the body that it reads
        elif self._unread and not self._in_body:
            self._refuse(self.keeper.too_late)
        else:
            self.transport.close()

    def _refuse(self, app: ASGIApp) -> None:
        """Let `app` answer after what is being answered already, and read no more."""
        self._end()
        if self._in_body and self._is_answering():
            if self.pipeline or self.cycle.response_started:
                self.transport.close()
                return
            # The app waits for more of what cannot be read: to it the client is gone.
            self.cycle.disconnected = self.cycle.response_complete = True
            self.cycle.message_event.set()
        self.app = app
        self.parser = type(self.parser)(self)
        super().data_received(UNREADABLE)
        self.scope["method"] = "-"

    def _end(self) -> None:
        self._is_over = True
        self._stop_timer()
