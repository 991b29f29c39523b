"""A worker, for what is received and for what is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.core import jobs, outbox
from app.core.database import Database
from app.core.outbox import Queue

LEASE = timedelta(seconds=30)
Work = Callable[[], Awaitable[int]]


@pytest.fixture
def work(database: Database) -> Work:
    """Do every job that is due, one attempt each; return how many there were."""

    async def done() -> int:
        async with database.writes() as session:
            resend_at = datetime.now(UTC) + LEASE
            taken = await outbox.take_due(
                session, resend_at=resend_at, room=dict.fromkeys(Queue, 100)
            )
        for each in taken:
            await jobs.run(database, each, lease=LEASE)
        return len(taken)

    return done
