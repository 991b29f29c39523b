"""Recognition of registered clients by their keys, at the price of a dictionary look-up.

What is known of a client is trusted for a few seconds: within them at the latest, a revocation is
effective in every process. A key that does not fit is looked up again, so that new keys work at
once, but not more than once a second.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from app.core.database import Database
from app.features.security.callers import Authenticated, Untrusted
from app.features.security.clients import Client, ClientKeyRow
from app.features.security.keys import ClientKey

logger = structlog.get_logger(__name__)

RELOAD_PAUSE_SECONDS = 1.0
# How exactly `last_used_at` is known; anything finer would cost a write per request.
USE_RESOLUTION = timedelta(minutes=1)
MOST_REMEMBERED = 10_000


@dataclass(frozen=True)
class Known:
    """What is known of one client: None for `expires_at` and `revoked_at` means never."""

    scopes: frozenset[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    keys: tuple[tuple[str, datetime | None], ...]

    def accepts(self, digest: str, now: datetime) -> bool:
        """Say whether the key of that digest opens the door now."""
        if self.revoked_at is not None or _is_over(self.expires_at, now):
            return False
        return any(
            hmac.compare_digest(known, digest)
            for known, expires_at in self.keys
            if not _is_over(expires_at, now)
        )


_CLIENT, _KEY = Client.__table__, ClientKeyRow.__table__
_BY_NUMBER = (
    select(
        _CLIENT.c.scopes,
        _CLIENT.c.expires_at,
        _CLIENT.c.revoked_at,
        _CLIENT.c.last_used_at,
        _KEY.c.digest,
        _KEY.c.expires_at.label("key_expires_at"),
    )
    .join_from(_CLIENT, _KEY)
    .where(_CLIENT.c.number == bindparam("number"))
)


class Recognition:
    """Tells from a key which client sends it."""

    def __init__(self, database: Database, *, trust: timedelta) -> None:
        self._database = database
        self._trust = trust.total_seconds()
        self._known: dict[int, tuple[float, Known | None]] = {}
        self._loading: dict[int, asyncio.Task[Known | None]] = {}
        self._used_at: dict[int, datetime] = {}
        self._writing: set[asyncio.Task[None]] = set()

    async def caller_of(self, text: str) -> Authenticated:
        """Return the client whose key `text` is; raises Untrusted."""
        key, now = ClientKey.read(text), datetime.now(UTC)
        known = await self._accepting(key, now) if key is not None else None
        if key is None or known is None:
            logger.info("client.refused", number=key and key.number)
            raise Untrusted("the key is not that of a registered client, or it is no longer valid")
        self._note_use(key.number, known, now)
        return Authenticated(f"client:{key.number}", known.scopes)

    async def close(self) -> None:
        """Let what is being written be written."""
        await asyncio.gather(*self._writing)

    async def _accepting(self, key: ClientKey, now: datetime) -> Known | None:
        loaded_at, known = self._known.get(key.number, (0.0, None))
        age = time.monotonic() - loaded_at
        if known is not None and age < self._trust and known.accepts(key.digest, now):
            return known
        if not loaded_at or age >= min(RELOAD_PAUSE_SECONDS, self._trust):
            known = await self._loaded(key.number)
        return known if known is not None and known.accepts(key.digest, now) else None

    async def _loaded(self, number: int) -> Known | None:
        """Read a client; whoever asks meanwhile gets the same answer."""
        loading = self._loading.get(number)
        if loading is None:
            loading = self._loading[number] = asyncio.create_task(self._load(number))
            loading.add_done_callback(lambda _: self._loading.pop(number))
        return await asyncio.shield(loading)

    async def _load(self, number: int) -> Known | None:
        rows = (await self._database.reads.execute(_BY_NUMBER, {"number": number})).all()
        known = None
        if rows:
            scopes, expires_at, revoked_at, last_used_at, *_ = rows[0]
            keys = tuple((row.digest, row.key_expires_at) for row in rows)
            known = Known(frozenset(scopes), expires_at, revoked_at, last_used_at, keys)
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[number] = time.monotonic(), known
        return known

    def _note_use(self, number: int, known: Known, now: datetime) -> None:
        """Have the use written down some time after the answer, if the last one is long ago."""
        last = self._used_at.get(number, known.last_used_at)
        if last is None or now - last >= USE_RESOLUTION:
            self._used_at[number] = now
            writing = asyncio.create_task(self._write_use(number, now))
            self._writing.add(writing)
            writing.add_done_callback(self._writing.discard)

    async def _write_use(self, number: int, now: datetime) -> None:
        # Several processes notice one use: the first of them writes it down.
        older = or_(Client.last_used_at.is_(None), Client.last_used_at <= now - USE_RESOLUTION)
        used = update(Client).where(Client.number == number, older).values(last_used_at=now)
        try:
            async with self._database.writes() as session:
                await session.execute(used)
        except (SQLAlchemyError, OSError):
            logger.warning("client.use_not_written", number=number, exc_info=True)


def _is_over(expires_at: datetime | None, now: datetime) -> bool:
    return expires_at is not None and expires_at <= now
