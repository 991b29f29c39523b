"""An issuer of access tokens: a real HTTP server with the keys it publishes, and what it signs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

NAME = "https://issuer.example"
AUDIENCE = "things-api"


class Issuer:
    """One issuer. `published` is what it serves; while `down` it answers 500."""

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {
            "rsa": RSAKey.generate_key(2048, {"kid": "rsa"}),
            "ec": ECKey.generate_key("P-256", {"kid": "ec"}),
        }
        self.published = ["rsa"]
        self.down = False
        self.fetches = 0
        self.url = ""

    def document(self) -> dict[str, object]:
        return {"keys": [self.keys[kid].as_dict(private=False) for kid in self.published]}

    def token(self, **claims: object) -> str:
        """Return a token that is right in everything, unless `claims` say otherwise.

        None omits a claim, and a timedelta counts from now.
        """
        return self.sign(claims)

    def sign(self, claims: Mapping[str, object], *, kid: str = "rsa", alg: str = "RS256") -> str:
        """Return such a token, signed in a certain way."""
        now = int(time.time())
        right = {"iss": NAME, "aud": AUDIENCE, "sub": "ada", "exp": now + 300, "iat": now}
        given = {
            name: now + int(value.total_seconds()) if isinstance(value, timedelta) else value
            for name, value in {**right, **claims}.items()
            if value is not None
        }
        return jwt.encode({"alg": alg, "kid": kid}, given, self.keys[kid], algorithms=[alg])


@contextmanager
def serving() -> Iterator[Issuer]:
    """Yield an issuer whose keys can be fetched."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.fetches += 1
            self.send_response(500 if issuer.down else 200)
            self.end_headers()
            self.wfile.write(json.dumps(issuer.document()).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    issuer.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
