"""The job of things."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import update

from app.core.jobs import Attempt, job
from tests.things.models import Thing

WEIGH = "test.weigh"


@job(WEIGH)
async def weigh(attempt: Attempt, thing_id: UUID) -> None:
    """Weigh a thing. How often that took effect, it counts itself."""
    async with attempt.finishes() as session:
        counted = update(Thing).values(weighings=Thing.weighings + 1)
        await session.execute(counted.where(Thing.id == thing_id))
