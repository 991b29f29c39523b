"""Headers that tell browsers what not to do with an answer."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


class SecurityHeaders:
    """ASGI middleware: adds them to every answer that does not have them."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other scopes pass untouched."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
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
