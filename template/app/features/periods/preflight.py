"""What has to be done before a period is closed, as far as it can be seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import Table, func, select, text

from app.core.database import Base, Database
from app.core.outbox import OutboxRow
from app.features.periods import closing, triggers
from app.features.periods.declared import carried_away, checks, frozen
from app.features.periods.states import Period, State

# Those that work, and the tables that guard others.
_TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    " AND tgenabled IN ('O', 'A') AND pg_table_is_visible(tgrelid)",
    "mysql": "SELECT trigger_name FROM information_schema.triggers"
    " WHERE trigger_schema = database() UNION ALL"
    " SELECT table_name FROM information_schema.tables WHERE table_schema = database()",
}
_TRIGGERS["mariadb"] = _TRIGGERS["mysql"]
# Where imports are kept, if they are, and the states of those that are going to write.
_IMPORTS, _UNFINISHED = "imports", ("queued", "checking", "writing")
SHOWN = 3


async def problems(database: Database, period: Period, harmless: Sequence[str]) -> list[str]:
    """Return what is in the way of closing a period; nothing, where it may be closed."""
    return [
        *await _unfrozen(database),
        *_not_followed(),
        *await _jobs(database, period, harmless),
        *await imports(database, Base.metadata.tables.get(_IMPORTS)),
        *await _checked(database, period),
    ]


async def _unfrozen(database: Database) -> list[str]:
    async with database.writes() as session:
        dialect = session.get_bind().dialect.name
        known = set((await session.execute(text(_TRIGGERS[dialect]))).scalars())
    return [
        f"the database freezes no rows of {name}: python -m app periods freeze {name}"
        for name in frozen()
        if not triggers.names(name, dialect) <= known
    ]


def _not_followed() -> Iterator[str]:
    for name in carried_away():
        yield f"{name} goes with rows that are frozen, and is not declared frozen with them"


async def _jobs(database: Database, period: Period, harmless: Sequence[str]) -> list[str]:
    """Find jobs that were asked for while the period was open, the dead ones among them."""
    began = await closing.closed_since(database.reads, period.name)
    until = began.at if began and period.state is not State.OPEN else datetime.now(UTC)
    waiting = select(OutboxRow.actor, func.count()).where(
        OutboxRow.created_at <= until, OutboxRow.actor.not_in(harmless)
    )
    found = (await database.reads.execute(waiting.group_by(OutboxRow.actor))).all()
    return [f"{number} jobs of {actor} are not finished" for actor, number in found]


async def imports(database: Database, table: Table | None) -> list[str]:
    """Return what to say of imports that are going to write, if their table is there."""
    if table is None:
        return []
    unfinished = select(func.count()).where(table.c.state.in_(_UNFINISHED))
    number = (await database.reads.execute(unfinished)).scalar_one()
    return [f"{number} imports have not ended"] if number else []


async def _checked(database: Database, period: Period) -> list[str]:
    found = []
    for check in checks():
        faults = check.faults(period.begins_at, period.ends_at).limit(SHOWN + 1)
        rows = (await database.reads.execute(faults)).all()
        if rows:
            shown = ["/".join(map(str, row)) for row in rows[:SHOWN]]
            more = " and more" if len(rows) > SHOWN else ""
            found.append(f"it is not so that {check.name}: {', '.join(shown)}{more}")
    return found
