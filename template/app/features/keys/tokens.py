"""What others verify by our keys or encrypt to them: JWT, JWE, and the MACs of webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from joserfc import jwe, jwt
from joserfc.errors import JoseError
from pydantic import JsonValue

from app.core.logging import EXTRA_PATTERNS
from app.core.sealing import CannotOpen
from app.features.keys import process
from app.features.keys.keyset import Keyset
from app.features.keys.states import Key, Kind, State

CONTENT_ALGORITHM = "A256GCM"
# A session key for a few claims; what is longer is no token.
LONGEST_TOKEN = 100_000
EXTRA_PATTERNS.append(("whsec_", re.compile(r"whsec_[\w+/=-]+")))
SERVING = (State.NEXT, State.CURRENT, State.RETIRED)

Jwk = dict[str, str | list[str]]


def sign(
    keys: Keyset, claims: Mapping[str, JsonValue], lifetime: timedelta, *, type_: str = "JWT"
) -> str:
    """Return a JWT of these claims, with `iat` and `exp`, by the current signing key.

    Raises NoKey; and ValueError where the token would outlive its key in the JWKS.
    """
    own, key, now = process.own(), keys.current(Kind.SIGNING), datetime.now(UTC)
    longest = own.keys_overlap - own.keys_refresh
    if lifetime > longest:
        raise ValueError(f"a token lives {longest} at most, or KEYS_OVERLAP must be longer")
    times = {"iat": int(now.timestamp()), "exp": int((now + lifetime).timestamp())}
    header = {"alg": key.algorithm, "kid": key.kid, "typ": type_}
    return jwt.encode(header, {**claims, **times}, keys.pair(key), algorithms=[key.algorithm])


def decrypt(keys: Keyset, token: str) -> bytes:
    """Return what somebody has encrypted to us (JWE, compact); raises CannotOpen."""
    key = _addressed(keys, token)
    algorithms = [key.algorithm, CONTENT_ALGORITHM]
    try:
        plaintext = jwe.decrypt_compact(token, keys.pair(key), algorithms=algorithms).plaintext
    except (JoseError, ValueError, TypeError, KeyError):
        # Which of the many things is wrong is nobody's business.
        raise CannotOpen("it was not encrypted for this key, or was changed") from None
    if plaintext is None:
        raise CannotOpen("it has no content")
    return plaintext


def _addressed(keys: Keyset, token: str) -> Key:
    if len(token) > LONGEST_TOKEN:
        raise CannotOpen("it is too long for a token")
    kid = _kid_of(token)
    for key in keys.of(Kind.ENCRYPTION, *SERVING):
        if key.kid == kid:
            return key
    raise CannotOpen("it is encrypted for no key that there is")


def _kid_of(token: str) -> object:
    head = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError):
        return None
    return header.get("kid") if isinstance(header, dict) else None


def jwks(keys: Keyset) -> list[Jwk]:
    """Return what others may know: by what they verify, and what they encrypt to.

    A signing key is there before it signs and after that; of those for encryption only the current
    one, since whoever encrypts takes what is there.
    """
    published = [*keys.of(Kind.SIGNING, *SERVING), *keys.of(Kind.ENCRYPTION, State.CURRENT)]
    return [_public(keys, key) for key in published]


def _public(keys: Keyset, key: Key) -> Jwk:
    use = "sig" if key.kind is Kind.SIGNING else "enc"
    named: Jwk = {"kid": key.kid, "use": use, "alg": key.algorithm}
    return {**keys.pair(key).as_dict(private=False), **named}


def webhook_signatures(keys: Keyset, message_id: str, at: datetime, body: bytes) -> str:
    """Return `webhook-signature` (Standard Webhooks) of one message: one MAC for each secret.

    Receivers who have only the one before, or only the new one, find theirs. Raises NoKey.
    """
    signed = f"{message_id}.{int(at.timestamp())}.".encode() + body
    current = keys.current(Kind.WEBHOOK)
    every = [current, *keys.of(Kind.WEBHOOK, State.RETIRED)]
    macs = (hmac.digest(keys.material(key), signed, hashlib.sha256) for key in every)
    return " ".join(f"v1,{base64.b64encode(mac).decode()}" for mac in macs)


def webhook_secret(keys: Keyset, key: Key) -> str:
    """Return a secret as its receiver sets it. Show it once, and never log it."""
    return f"whsec_{base64.b64encode(keys.material(key)).decode()}"
