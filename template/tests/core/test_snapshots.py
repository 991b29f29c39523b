"""A snapshot shows one moment, whatever is written while it is read."""

from __future__ import annotations

from sqlalchemy import Row, delete, select, update

from app.core.database import Database
from app.core.snapshots import snapshot
from tests.things import draft, service
from tests.things.models import Thing
from tests.things.service import ThingIn


async def test_what_is_written_meanwhile_does_not_show(
    committing: Database, database_url: str
) -> None:
    for number in range(1, 10):
        await _add(committing, number)
    wanted = select(Thing.number, Thing.weighings).order_by(Thing.number)
    async with snapshot(database_url) as moment:
        before = [row async for rows in moment.batches(wanted, size=2) for row in rows]
        during: list[Row[tuple[str, int]]] = []
        async for rows in moment.batches(wanted, size=2):
            if not during:
                await _change_everything(committing)
            during += rows
        again = [row async for rows in moment.batches(wanted, size=2) for row in rows]
    assert len(before) == 9
    assert before == during == again
    async with snapshot(database_url) as moment:
        later = [row async for rows in moment.batches(wanted) for row in rows]
    assert len(later) == 1


async def _change_everything(database: Database) -> None:
    async with database.writes() as session:
        await session.execute(update(Thing).values(weighings=7))
        await session.execute(delete(Thing))
    await _add(database, 10)


async def _add(database: Database, number: int) -> None:
    async with database.writes() as session:
        await service.create(session, ThingIn(**draft(number)))
