"""A client for the length of one run of a command, registered in the database itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from app.core.database import Database, WriteSession
from app.features.security import clients
from app.features.security.clients import Registration
from app.features.security.keys import ClientKey

# Should its command die before it has removed the client, the key dies soon after.
LIFE = timedelta(minutes=10)


@contextmanager
def temporary_client(database_url: str, scopes: Collection[str]) -> Iterator[str]:
    """Register a client, yield its key, and remove it."""
    key = asyncio.run(_register(database_url, scopes))
    try:
        yield key.written()
    finally:
        asyncio.run(_remove(database_url, key.number))


async def _register(database_url: str, scopes: Collection[str]) -> ClientKey:
    name = f"temporary-{uuid4().hex[:8]}"
    async with _writes(database_url) as session:
        return await clients.register(session, Registration(name, scopes, datetime.now(UTC) + LIFE))


async def _remove(database_url: str, number: int) -> None:
    async with _writes(database_url) as session:
        await clients.remove(session, number)


@asynccontextmanager
async def _writes(database_url: str) -> AsyncIterator[WriteSession]:
    database = Database(database_url)
    try:
        async with database.writes() as session:
            yield session
    finally:
        await database.close()
