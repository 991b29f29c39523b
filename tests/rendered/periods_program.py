"""`python -m app periods …` of a render: goes on with counted_program.py.

`seed` makes rows of two years, and a period of the older one; `check` says what there is of them in
the database and in its dumps. Batches are small, so that there are several.
"""

import asyncio
import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import Engine, delete, event, insert, select, update

from app import features, modules
from app.core import parquet
from app.core.database import Database
from app.features.periods import closing, stored, verifying
from app.features.periods.models import EVENTS, PERIODS
from app.modules.profiles.models import Headshot, Profile
from app.settings import Settings

PROFILES, HEADSHOTS = Profile.__table__, Headshot.__table__
YEAR, OTHERS = 6, 2
stored.BATCH, stored.LARGE_BATCH = 5, 3


def profile(number: int, year: int) -> dict[str, object]:
    at = datetime(year, 3, 1 + number, tzinfo=UTC)
    texts = dict.fromkeys(("full_name", "name_key", "email", "department"), f"ada{number}")
    texts["employee_number"] = uuid4().hex[:20]
    # Batches are in the order of ids: each run has the same ones, and as many effects.
    own = UUID(int=100 * year + number)
    return {"id": own, "created_at": at, "updated_at": at, "version": 1, **texts}


async def seed(database: Database) -> None:
    async with database.writes() as session:
        await session.execute(update(PERIODS).values(state="open"))
        for table in (HEADSHOTS, PROFILES, EVENTS, PERIODS):
            await session.execute(delete(table))
        rows = [profile(n, 2025) for n in range(YEAR)] + [profile(n, 2024) for n in range(OTHERS)]
        await session.execute(insert(PROFILES), rows)
        image = {"media_type": "image/png", "image": b"image", "thumbnail": b"thumbnail"}
        of = [{"profile_id": each["id"], "version": uuid4(), **image} for each in rows]
        await session.execute(insert(HEADSHOTS), of)


async def check(database: Database) -> None:
    """Say what is where: rows of the year and others, and what the dump has of them."""
    period = await closing.find(database.reads, "2025")
    found = await closing.history(database.reads, "2025")
    base = Path(os.environ["PERIODS_FOLDER"])
    folders = {path.name for path in base.glob("*/")}  # noqa: ASYNC240 - nobody else is here
    whole = {path.parent.name for path in base.glob("*/manifest.json")}  # noqa: ASYNC240
    told = {
        "state": period.state,
        "events": [row["target"] for row in found],
        "rows": await _rows(database),
        "dumps": len(whole),
        "left": len(folders - whole),
        "dumped": 0,
    }
    removing = (await database.reads.execute(select(PERIODS.c.removing))).scalars().all()
    assert removing == [False]
    if period.manifest is not None:
        folder = base / str(period.folder)
        await verifying.verified(folder, database, period.manifest)
        of = {each.table.name: each for each in stored.tables()}["profiles"]
        told["dumped"] = sum(map(len, parquet.read(folder / "profiles.parquet", of.columns)))
    print(json.dumps(told))  # noqa: T201


async def _rows(database: Database) -> dict[str, list[int]]:
    """Return how many there are of the year, and how many others."""
    within = Profile.created_at >= datetime(2025, 1, 1, tzinfo=UTC)
    numbers: dict[str, list[int]] = {}
    profiles = (await database.reads.execute(select(within))).scalars().all()
    of = select(within).join(Headshot, Headshot.profile_id == Profile.id)
    headshots = (await database.reads.execute(of)).scalars().all()
    for name, found in (("profiles", profiles), ("headshots", headshots)):
        numbers[name] = [sum(map(bool, found)), sum(not each for each in found)]
    return numbers


async def main() -> None:
    modules.load_models()
    features.load_models()
    database = Database(Settings().database_url)
    await {"seed": seed, "check": check}[sys.argv[1]](database)
    await database.close()


def count_files() -> None:
    """Let what is done to the folders and files of dumps be effects too."""
    replace, mkdir, rmtree = Path.replace, Path.mkdir, shutil.rmtree

    def counted(name: str, do: object) -> object:
        def call(*arguments: object, **options: object) -> object:
            if str(arguments[0]).startswith(os.environ["PERIODS_FOLDER"]):
                effect(name)  # type: ignore[name-defined]  # noqa: F821
            return do(*arguments, **options)  # type: ignore[operator]

        return call

    Path.replace = counted("replace", replace)  # type: ignore[assignment,method-assign]
    Path.mkdir = counted("mkdir", mkdir)  # type: ignore[assignment,method-assign]
    shutil.rmtree = counted("rmtree", rmtree)  # type: ignore[assignment]


def on_create(*arguments: object) -> None:
    if str(arguments[2]).lstrip().startswith("CREATE"):
        effect("create")  # type: ignore[name-defined]  # noqa: F821


if sys.argv[1] == "periods":
    count_files()
    event.listen(Engine, "before_cursor_execute", on_create)
    run_counted()  # type: ignore[name-defined]  # noqa: F821
else:
    asyncio.run(main())
