"""Jobs that tests claim as a runner does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from app.core import jobs, outbox
from app.core.database import Database
from app.core.jobs import JOB_KINDS
from app.core.outbox import Claimant, Job, Queue

LEASE = timedelta(seconds=30)


async def claimed(database: Database, most: int = 100, lease: timedelta = LEASE) -> Sequence[Job]:
    """Begin an attempt of every job that is due."""
    claimant = Claimant(tuple(Queue), tuple(JOB_KINDS), lease)
    async with database.writes() as session:
        return await outbox.claim(session, claimant, most)


async def work(database: Database, most: int = 100) -> int:
    """Do every job that is due, one attempt each; return how many there were."""
    begun = await claimed(database, most)
    for each in begun:
        await jobs.run(database, each)
    return len(begun)
