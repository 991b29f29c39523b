"""`python -m app keys …` of a render with an encrypted column: goes on with counted_program.py.

It runs on the render's own Python; `seed` makes what there is to do, and `check` says what is left.
"""

import asyncio
import json
import sys
from collections import Counter
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import String, delete, select, update
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base, Database
from app.features.keys import Encrypted, Sealed, keyset, process, rotation
from app.features.keys.ciphertexts import kid_of
from app.features.keys.keyset import forget
from app.features.keys.models import KEYS, REENCRYPTIONS
from app.features.keys.states import Kind, Make, State
from app.settings import Settings
from migrate.engine import make_engine

PEOPLE = 6


class Person(Base):
    __tablename__ = "killed_people"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(20))
    iban: Mapped[Sealed | None] = mapped_column(Encrypted(40))


async def age(database: Database, by: timedelta, *kids: str) -> None:
    async with database.writes() as session:
        for kid, since in (await session.execute(select(KEYS.c.kid, KEYS.c.since))).all():
            if not kids or kid in kids:
                changed = update(KEYS).where(KEYS.c.kid == kid)
                await session.execute(changed.values(since=since - by))
    forget()


async def seed(database: Database) -> None:
    """Let every kind of step be due: promotions, an end, and the beginning of a succession."""
    Person.__table__.create(make_engine(Settings().database_url), checkfirst=True)
    async with database.writes() as session:
        for table in (KEYS, REENCRYPTIONS, Person.__table__):
            await session.execute(delete(table))
    for kind in (None, Kind.WEBHOOK, Kind.DATA, Kind.SIGNING):
        await rotation.rotate(database, begin=kind)
    async with database.writes() as session:
        await rotation.apply(session, Make(Kind.SIGNING, State.RETIRED))
        keys = await keyset(session)
        for number in range(PEOPLE):
            new = uuid4()
            iban = keys.seal(Person.iban, new, f"IBAN {number}")
            session.add(Person(id=new, name=f"{number}", iban=iban))
    await age(database, timedelta(days=2))
    found = await rotation.find(database.reads)
    old = [key.kid for key in found if key.state is State.RETIRED or key.kind is Kind.WEBHOOK]
    await age(database, timedelta(days=100), *old)


async def rotated(database: Database) -> None:
    """Let the columns be sealed by a data key whose overlap is over."""
    await rotation.rotate(database)
    await age(database, timedelta(days=8))


async def check(database: Database) -> None:
    rows = (await database.reads.execute(select(*Person.__table__.c))).all()
    keys = await keyset(database.reads)
    keys.require_usable()
    found = await rotation.find(database.reads)
    current = keys.current(Kind.DATA).kid
    print(  # noqa: T201 - what the test reads
        json.dumps(
            {
                "people": {row.name: keys.opened(row.iban, row.id) for row in rows},
                "keys": Counter(f"{key.kind} {key.state}" for key in found),
                "current": sum(kid_of(row.iban.text) == current for row in rows),
            }
        )
    )


async def main() -> None:
    process.configure(Settings())
    database = Database(Settings().database_url)
    for action in sys.argv[1:]:
        await {"seed": seed, "rotated": rotated, "check": check}[action](database)
    await database.close()


if sys.argv[1] == "keys":
    run_counted()  # type: ignore[name-defined]  # noqa: F821
else:
    asyncio.run(main())
