"""What tests of sent webhooks stand on: a receiver, an endpoint for it, and a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from app.core.database import Database, table_of
from app.core.outbox import OutboxRow
from app.features import webhooks
from app.features.webhooks.outgoing import configure, desk, endpoints
from app.features.webhooks.outgoing.desk import Delivery, Wanted
from app.features.webhooks.outgoing.models import DELIVERIES, ENDPOINTS
from app.features.webhooks.signatures import Secret
from app.settings import Settings
from tests.features.webhooks.receiver import Receiver, receiving

LATER = timedelta(days=2)
WAITING = (
    (DELIVERIES, "due_at"),
    (ENDPOINTS, "paused_until"),
    (ENDPOINTS, "failing_since"),
    (table_of(OutboxRow), "due_at"),
)


@pytest.fixture
async def receiver(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> AsyncIterator[Receiver]:
    """A receiver that this process may send to."""
    monkeypatch.setenv("WEBHOOKS_ALLOWED_HOSTS", "127.0.0.0/8")
    monkeypatch.setenv("WEBHOOKS_TIMEOUT", "PT2S")
    configure(settings)
    async with receiving() as receiver:
        yield receiver


@dataclass(frozen=True)
class Endpoint:
    """Who is sent what is published."""

    database: Database
    id: UUID
    secret: Secret

    async def publish(self, number: int = 1, event_type: str = "profile.updated") -> None:
        async with self.database.writes() as session:
            for each in range(number):
                await webhooks.publish(session, event_type, {"number": each})

    async def deliveries(self) -> list[Delivery]:
        found = await desk.find(self.database.reads, Wanted(endpoint_id=self.id), 100)
        return sorted(found, key=lambda each: each.id)

    async def delivery(self) -> Delivery:
        (found,) = await self.deliveries()
        return found

    async def row(self) -> endpoints.Row:
        found = await endpoints.find(self.database.reads)
        return next(each for each in found if each["id"] == self.id)


Added = Callable[..., Awaitable[Endpoint]]


@pytest.fixture
def added(database: Database) -> Added:
    """Add an endpoint."""

    async def add(url: str, *event_types: str) -> Endpoint:
        async with database.writes() as session:
            known = await endpoints.add(session, url, event_types or ("profile.*",))
        return Endpoint(database, *known)

    return add


@pytest.fixture
async def endpoint(added: Added, receiver: Receiver) -> Endpoint:
    return await added(receiver.url)


async def let_pass(database: Database, time: timedelta = LATER) -> None:
    """Let all that waits for a time have waited so long."""
    async with database.writes() as session:
        for table, name in WAITING:
            known = table.c[name].is_not(None)
            for row in (
                await session.execute(select(table.c.id, table.c[name]).where(known))
            ).all():
                this = update(table).where(table.c.id == row.id)
                await session.execute(this.values({name: row[1] - time}))
