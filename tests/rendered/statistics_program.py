"""`python -m app statistics …` of a render: goes on with counted_program.py.

`seed` makes rows, counts them, and changes some days; `check` compares what is kept with a direct
query, and says what is left to do.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import delete, insert, select

from app.core.database import Database
from app.features.statistics import counting, settings
from app.features.statistics.declared import declared
from app.features.statistics.models import DAILY, MARKS, STANDINGS
from app.modules.profiles.models import Profile
from app.settings import Settings

PROFILES = Profile.__table__
DAYS = 40


def profile(number: int, *, day: int, department: str) -> dict[str, object]:
    at = datetime.now(UTC) - timedelta(days=day)
    texts = dict.fromkeys(("full_name", "name_key", "email"), f"ada{number}@example.com")
    texts |= {"employee_number": uuid4().hex[:20], "department": department}
    return {"id": uuid4(), "created_at": at, "updated_at": at, "version": 1, **texts}


async def seed(database: Database) -> None:
    """Forty days, of which twenty are counted, and of these two have changed."""
    async with database.writes() as session:
        for table in (PROFILES, DAILY, MARKS, STANDINGS):
            await session.execute(delete(table))
        rows = [profile(n, day=n % DAYS, department="AB"[n % 2]) for n in range(3 * DAYS)]
        await session.execute(insert(PROFILES), rows)
    today = settings.today() - timedelta(days=DAYS // 2)
    await counting.count_all(database, today, settings.zone())
    async with database.writes() as session:
        late = [profile(n, day=DAYS - 1 - n, department="C") for n in range(2)]
        await session.execute(insert(PROFILES), late)


async def check(database: Database) -> None:
    (statistic,) = declared().values()
    days = counting.days_of(settings.today() - timedelta(days=DAYS), settings.today())
    rows = (await database.reads.execute(statistic.counting(days, settings.zone()))).all()
    direct = {(day, *by): numbers for (day, by), numbers in statistic.cells(rows, days).items()}
    kept = (await database.reads.execute(select(DAILY))).all()
    daily = {(row.day, *row.dimensions): row.numbers for row in kept}
    standing = (await database.reads.execute(select(STANDINGS))).one()
    marked = (await database.reads.execute(select(MARKS.c.at))).scalars()
    stale = {at.astimezone(settings.zone()).date() for at in marked if at}
    before = {day for day in days if standing.until and day < standing.until} - stale
    cells = {cell for cell in direct.keys() | daily.keys() if cell[0] in before}
    wrong = [str(cell) for cell in cells if direct.get(cell) != daily.get(cell)]
    due = await counting.is_due(database.reads, settings.today(), settings.zone())
    print(json.dumps({"wrong": wrong, "due": due, "kept": len(before)}))  # noqa: T201


async def main() -> None:
    settings.configure(Settings())
    database = Database(Settings().database_url)
    await {"seed": seed, "check": check}[sys.argv[1]](database)
    await database.close()


if sys.argv[1] == "statistics":
    run_counted()  # type: ignore[name-defined]  # noqa: F821
else:
    asyncio.run(main())
