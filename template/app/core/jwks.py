"""The issuer's public keys (JWKS, RFC 7517): fetched when needed, kept while they can be trusted.

A key that is in use never waits for the network, and a withdrawn one is not believed for long. An
unknown one is looked up again, but at most once per pause and by one request for all: keys rotate
at once, and made-up key ids cost the issuer nothing.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from math import inf

import httpx
import structlog
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

logger = structlog.get_logger(__name__)

# Of a whole fetch, however slowly the answer comes; and the largest that is read.
TIMEOUT_SECONDS = 5.0
MOST_BYTES = 256 * 1024
# Shorter ones can be factored (RFC 7518, section 3.3 forbids them), longer ones take seconds.
RSA_BITS = range(2048, 16384 + 1)

PublicKey = RSAKey | ECKey | OKPKey


class UnknownKey(LookupError):
    """The issuer has no key of that id."""


class UnknownYet(UnknownKey):
    """It had none when it was asked last; it is not asked again before `retry_after`."""

    def __init__(self, key_id: str, retry_after: timedelta) -> None:
        super().__init__(key_id)
        self.retry_after = retry_after


class KeysUnavailable(Exception):
    """The issuer is away, and what is known of its keys does not do."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__("the keys cannot be had now")
        self.retry_after = retry_after


@dataclass(frozen=True)
class Patience:
    """How old keys may be: `refresh` asks for newer ones, `keep` ends their trust.

    Keys twice as old as `refresh` are believed only after that: a withdrawn one is in use no more.
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
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, key_id: str) -> PublicKey:
        """Return the key called `key_id`; raises UnknownKey or KeysUnavailable."""
        asked_at = self._clock()
        known = self._trusted().get(key_id)
        refresh = self.patience.refresh.total_seconds()
        if known is None or self._since(self._attempted_at) >= 2 * refresh:
            fetching = self._fetch_soon()
            if fetching is not None:
                # Shielded: the others who wait for it stay when one of them goes.
                await asyncio.shield(fetching)
            return self._looked_up(key_id, asked_at)
        if self._since(self._fetched_at) >= refresh:
            self._fetch_soon()
        return known

    async def close(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
        await self._http.aclose()

    def _looked_up(self, key_id: str, asked_at: float) -> PublicKey:
        trusted = self._trusted()
        if key_id in trusted:
            return trusted[key_id]
        waited = timedelta(seconds=self._since(self._attempted_at))
        left = max(self.patience.pause - waited, timedelta(0))
        # A failed fetch says nothing about a key that nobody has seen: the issuer may have it.
        if not trusted or self._failed:
            raise KeysUnavailable(left)
        if self._fetched_at < asked_at:
            raise UnknownYet(key_id, left)
        raise UnknownKey(key_id)

    def _trusted(self) -> dict[str, PublicKey]:
        fresh = self._since(self._fetched_at) < self.patience.keep.total_seconds()
        return self._keys if fresh else {}

    def _since(self, then: float) -> float:
        return self._clock() - then

    def _fetch_soon(self) -> asyncio.Task[None] | None:
        paused = self._since(self._attempted_at) < self.patience.pause.total_seconds()
        if self._fetching is None and not paused:
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        began = self._clock()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                keys = read_keys(json.loads(await self._read()))
        except Exception as error:  # noqa: BLE001 - whatever is answered there
            self._failed = True
            logger.warning("jwks.failed", error=repr(error)[:200])
        else:
            self._keys, self._fetched_at, self._failed = keys, began, False
        finally:
            self._attempted_at = self._clock()
            self._fetching = None

    async def _read(self) -> bytes:
        body = bytearray()
        # Packed, an answer could be a thousand times as large as what is read of it.
        headers = {"Accept-Encoding": "identity"}
        async with self._http.stream("GET", self._url, headers=headers) as answer:
            async for chunk in answer.raise_for_status().aiter_raw():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise ValueError(f"the document has more than {MOST_BYTES} bytes")
        return bytes(body)


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
    except Exception:  # noqa: BLE001 - the libraries raise of many kinds
        return None
    if isinstance(key, RSAKey):
        return key if key.public_key.key_size in RSA_BITS else None
    return key if isinstance(key, ECKey | OKPKey) else None
