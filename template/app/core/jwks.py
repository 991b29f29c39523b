"""The issuer's public keys (JWKS, RFC 7517): fetched when needed, kept while they can be trusted.

A known key never waits for the network. An unknown one is looked up again, but at most once per
pause and by one request for all: keys rotate at once, and made-up key ids cost the issuer nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from math import inf

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

logger = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 5.0
# Shorter ones can be factored; RFC 7518, section 3.3 forbids them.
SHORTEST_RSA_BITS = 2048

PublicKey = RSAKey | ECKey | OKPKey


class UnknownKey(LookupError):
    """The issuer has no key of that id."""


class KeysUnavailable(Exception):
    """The issuer is away, and what is known of its keys does not do."""


@dataclass(frozen=True)
class Patience:
    """How old keys may be: `refresh` asks for newer ones, `keep` ends their trust.

    Between two fetches lies a `pause` at least, whatever is asked for and however they end.
    """

    refresh: timedelta = timedelta(minutes=10)
    keep: timedelta = timedelta(hours=1)
    pause: timedelta = timedelta(seconds=10)


class Jwks:
    """The keys at one URL."""

    def __init__(
        self, url: str, patience: Patience, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self.patience = patience
        self._clock = clock
        self._http = httpx.AsyncClient(timeout=TIMEOUT_SECONDS)
        self._keys: dict[str, PublicKey] = {}
        self._fetched_at = self._attempted_at = -inf
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, key_id: str) -> PublicKey:
        """Return the key called `key_id`; raises UnknownKey or KeysUnavailable."""
        known = self._trusted().get(key_id)
        if known is None:
            fetching = self._fetch_soon()
            if fetching is not None:
                # Shielded: the others who wait for it stay when one of them goes.
                await asyncio.shield(fetching)
            return self._looked_up(key_id)
        if self._age() >= self.patience.refresh.total_seconds():
            self._fetch_soon()
        return known

    async def close(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
        await self._http.aclose()

    def _looked_up(self, key_id: str) -> PublicKey:
        trusted = self._trusted()
        if key_id in trusted:
            return trusted[key_id]
        # A failed fetch says nothing about a key that nobody has seen: the issuer may have it.
        if not trusted or self._attempted_at > self._fetched_at:
            raise KeysUnavailable
        raise UnknownKey(key_id)

    def _trusted(self) -> dict[str, PublicKey]:
        return self._keys if self._age() < self.patience.keep.total_seconds() else {}

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    def _fetch_soon(self) -> asyncio.Task[None] | None:
        now = self._clock()
        if (
            self._fetching is None
            and now - self._attempted_at >= self.patience.pause.total_seconds()
        ):
            self._attempted_at = now
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        try:
            answer = await self._http.get(self._url)
            keys = read_keys(answer.raise_for_status().json())
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            logger.warning("jwks.failed", error=repr(error))
        else:
            self._keys, self._fetched_at = keys, self._clock()
            self._attempted_at = self._fetched_at
        finally:
            self._fetching = None


def read_keys(document: object) -> dict[str, PublicKey]:
    """Return the document's keys that can verify signatures, by id; ValueError when it has none."""
    listed = document.get("keys") if isinstance(document, dict) else None
    keys = {}
    for item in listed if isinstance(listed, list) else []:
        key = _read_key(item)
        if key is not None:
            keys[str(item["kid"])] = key
    if not keys:
        raise ValueError("the document has no key that can verify a signature")
    return keys


def _read_key(item: object) -> PublicKey | None:
    """Read one key; None for what cannot be used, which other keys must not suffer from."""
    if not isinstance(item, dict) or not isinstance(item.get("kid"), str):
        return None
    if item.get("use", "sig") != "sig":
        return None
    try:
        key = JWKRegistry.import_key(item)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, RSAKey):
        return key if key.public_key.key_size >= SHORTEST_RSA_BITS else None
    return key if isinstance(key, ECKey | OKPKey) else None
