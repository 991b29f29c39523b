"""Signatures as Standard Webhooks has them: HMAC-SHA256 of id, time and body, by shared secrets.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
While a secret is replaced both are in use: who signs signs with each, who verifies takes either.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

from app.core.logging import EXTRA_PATTERNS

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"
MARK = "whsec_"
VERSION = "v1"
SHORTEST, LONGEST = 24, 64
# Of those that are made here.
LENGTH = 32

_ID = re.compile(r"[\x21-\x7e]{1,200}")
_TIME = re.compile(r"[0-9]{1,12}")
EXTRA_PATTERNS.append((MARK, re.compile(rf"{MARK}[\w+/=-]+")))


class BadSignature(Exception):
    """Nobody who knows a secret has signed this, or not now. The reason is for logs alone."""


@dataclass(frozen=True)
class Secret:
    """A secret that both sides know, 24 to 64 bytes; written as `whsec_` and its Base64."""

    secret: bytes = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        return cls(secrets.token_bytes(LENGTH))

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a secret as it is written; raises ValueError, which does not show it."""
        try:
            value = base64.b64decode(text.removeprefix(MARK), validate=True)
        except (binascii.Error, ValueError):
            value = b""
        if not text.startswith(MARK) or not SHORTEST <= len(value) <= LONGEST:
            raise ValueError(f"a secret is {MARK} and the Base64 of {SHORTEST} to {LONGEST} bytes")
        return cls(value)

    def written(self) -> str:
        """Return the secret as people hand it over. Show it once, and never log it."""
        return MARK + base64.b64encode(self.secret).decode()


def sign(
    secrets: Sequence[Secret], message_id: str, at: datetime, body: bytes
) -> Mapping[str, str]:
    """Return the headers of a message that is sent `at` that time."""
    timestamp = str(int(at.timestamp()))
    signatures = (_signature(each, message_id, timestamp, body) for each in secrets)
    written = " ".join(f"{VERSION},{each}" for each in signatures)
    return {ID: message_id, TIMESTAMP: timestamp, SIGNATURE: written}


def verify(
    secrets: Sequence[Secret],
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime,
    window: timedelta,
) -> str:
    """Return the id of a message that is signed, and was less than `window` ago; or BadSignature.

    Every secret is compared with every signature, in a time that tells nothing about them.
    """
    message_id, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not _ID.fullmatch(message_id) or not _TIME.fullmatch(timestamp):
        raise BadSignature("it has no id, or no time")
    if abs(now.astimezone(UTC).timestamp() - int(timestamp)) > window.total_seconds():
        raise BadSignature("it is of another time")
    expected = [_signature(each, message_id, timestamp, body).encode() for each in secrets]
    given = [
        signature.encode()
        for version, _, signature in (
            each.partition(",") for each in headers.get(SIGNATURE, "").split()
        )
        if version == VERSION
    ]
    matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in given]
    if not any(matches):
        raise BadSignature("no signature is by a secret of ours")
    return message_id


def _signature(secret: Secret, message_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(secret.secret, signed, hashlib.sha256)).decode()
