"""A server under test, and what is sent to it."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Served:
    """A server under test."""

    pid: int
    port: int


def request(method: str, path: str, body: dict[str, str] | None = None) -> bytes:
    """Return the bytes of one request with a JSON body."""
    payload = json.dumps(body).encode() if body else b""
    head = f"{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(payload)}\r\n\r\n".encode() + payload
