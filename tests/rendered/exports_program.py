"""What a render is asked about its exports: see test_exports_killed.py.

`seed ROWS` makes rows; `ask FORMAT` asks for an export of them, and prints its id.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import insert

from app.core.database import Database
from app.features.transfers.declared import declared
from app.features.transfers.outgoing import exports
from app.features.transfers.outgoing.models import Format
from app.modules.profiles.models import Profile
from app.settings import Settings

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK = 5_000


def profile(number: int) -> dict[str, object]:
    at = BEGAN + timedelta(seconds=number)
    # Distinct, and like a formula here and there.
    name = f"{'=' if number % 7 == 0 else ''}Zoë Müller {number * 7919}"
    return {
        "id": UUID(int=number * 7919 + 1),
        "employee_number": f"E-{number:07}",
        "full_name": name,
        "name_key": name,
        "email": f"person{number}@example.com",
        "department": f"Department {number % 50}",
        "created_at": at,
        "updated_at": at,
        "version": 1,
    }


async def seed(database: Database, rows: str) -> None:
    for begin in range(0, int(rows), CHUNK):
        chunk = [profile(number) for number in range(begin, min(begin + CHUNK, int(rows)))]
        async with database.writes() as session:
            await session.execute(insert(Profile.__table__), chunk)


async def ask(database: Database, format_: str) -> None:
    transfer = declared()["profiles"]
    query = transfer.query.model_validate({"sort": "employee_number"})
    async with database.writes() as session:
        asked = await exports.request(session, transfer, Format(format_), query, None)
    print(asked.id)  # noqa: T201


async def main() -> None:
    database = Database(Settings().database_url)
    await {"seed": seed, "ask": ask}[sys.argv[1]](database, sys.argv[2])
    await database.close()


asyncio.run(main())
