"""Those who send us webhooks, and what their messages name: real servers, and what they sign."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

from joserfc import jwe, jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from app.features.webhooks import signatures
from app.features.webhooks.signatures import Secret

AUDIENCE = "shop"
SECRETS = (Secret.new(), Secret.new())
OURS: Mapping[str, Key] = {
    "ours-rsa": RSAKey.generate_key(2048, {"kid": "ours-rsa"}),
    "ours-ec": ECKey.generate_key("P-256", {"kid": "ours-ec"}),
}


def content(action: str = "note", subject: str = "s-1", **fields: object) -> dict[str, Any]:
    """Return what a message says."""
    happened = datetime.now(UTC).isoformat()
    return {"action": action, "timestamp": happened, "data": {"subject": subject}} | fields


@dataclass
class Issuer:
    """A source that signs with keys of its own; while `down`, its JWKS cannot be had."""

    keys: dict[str, Key] = field(default_factory=dict)
    published: list[str] = field(default_factory=lambda: ["ed"])
    down: bool = False
    fetches: int = 0
    url: str = ""

    def __post_init__(self) -> None:
        self.keys |= {
            "ed": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
            "rsa": RSAKey.generate_key(2048, {"kid": "rsa"}),
            "ec": ECKey.generate_key("P-256", {"kid": "ec"}),
        }

    def document(self) -> bytes:
        keys = [self.keys[kid].as_dict(private=False) for kid in self.published]
        return json.dumps({"keys": keys}).encode()

    def signed(self, said: Mapping[str, object], by: str = "ed", **header: object) -> str:
        """Sign a message that is right in everything, unless it says otherwise; None omits."""
        right = {"jti": uuid4().hex, "iat": time.time(), "aud": AUDIENCE}
        claims = {name: value for name, value in (right | dict(said)).items() if value is not None}
        algorithm = {"ed": "Ed25519", "rsa": "RS256", "ec": "ES256"}[by]
        return jws.serialize_compact(
            {"alg": algorithm, "kid": by, **header},
            json.dumps(claims),
            self.keys[by],
            algorithms=[algorithm],
        )


def encrypted(token: str, to: str = "ours-rsa", **header: object) -> str:
    """Encrypt a token for us."""
    algorithm = {"ours-rsa": "RSA-OAEP-256", "ours-ec": "ECDH-ES+A256KW"}[to]
    return jwe.encrypt_compact(
        {"alg": algorithm, "enc": "A256GCM", "kid": to, **header},
        token,
        OURS[to],
        algorithms=[algorithm, "A256GCM", "DEF"],
    )


def standard(
    said: Mapping[str, object] | bytes,
    secrets: Sequence[Secret] = SECRETS[:1],
    message_id: str | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:
    """Return the body and headers of a Standard Webhooks message, as httpx takes them."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    sent = at or datetime.now(UTC)
    headers = signatures.sign(secrets, message_id or uuid4().hex, sent, body)
    return {"content": body, "headers": dict(headers)}


@dataclass
class Files:
    """A server of files, by path: (status, headers, body). `Slow` ones trickle."""

    url: str = ""
    served: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def add(self, path: str, body: bytes = b"", status: int = 200, **headers: str) -> str:
        """Serve this; return its URL."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        self.served[path] = (status, {"Content-Type": "image/png"} | given, body)
        return f"{self.url}{path}"


@contextmanager
def serving(issuer: Issuer, files: Files) -> Iterator[None]:
    """Let their URLs be asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/jwks.json":
                issuer.fetches += 1
                self.answer(500 if issuer.down else 200, {}, issuer.document())
                return
            files.asked.append(self.path)
            self.answer(*files.served.get(self.path, (404, {}, b"")))

        def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            size = 1 if "Slow" in headers else len(body) or 1
            try:
                for start in range(0, len(body), size):
                    self.wfile.write(body[start : start + size])
                    time.sleep(0.1 if size == 1 else 0)
            except OSError:
                return  # who has asked does not want all of it

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    files.url = f"http://127.0.0.1:{server.server_port}"
    issuer.url = f"{files.url}/jwks.json"
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
