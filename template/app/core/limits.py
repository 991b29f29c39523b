"""How long a request's body may be, whether it says so beforehand or just goes on."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import problem, respond


class BodyLimit:
    """ASGI middleware: a body of more than `most` bytes is refused before it is held in memory.

    Starlette's own middleware answers in plain text, and never with a problem document.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        """Wrap `app`."""
        self.app = app
        self.most = most
        self.detail = f"a request has at most {most} bytes"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other scopes pass untouched."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif _declared(scope) > self.most:
            await self._refuse(scope, receive, send)
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

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        document = problem(Request(scope), HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self.detail)
        # The body is not read, so nothing else can be read from this connection.
        await respond(document, {"Connection": "close"})(scope, receive, send)


def _declared(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isdecimal() else 0
