"""Re-encryption: all of it, once, from where it was, and never over a change of somebody else's."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import func, select, type_coerce, update
from sqlalchemy.types import String

from app.core import sealing
from app.core.database import Database
from app.core.sealing import Reader
from app.features.keys import Sealed, keyset, reencryption, rotation
from app.features.keys.ciphertexts import kid_of
from app.features.keys.keyset import Keyset, forget
from app.features.keys.models import REENCRYPTIONS
from app.features.keys.reencryption import Progress, Target, reencrypt
from app.features.keys.states import Kind, State
from tests.features.keys.conftest import Later
from tests.features.keys.people import PEOPLE, Person, hire
from tests.features.keys.test_rotation import DAY

pytestmark = pytest.mark.anyio

IBANS = Target(PEOPLE.c.iban)
NUMBERS = Target(PEOPLE.c.number)
SECRETS = Target(PEOPLE.c.secret)


async def hired(database: Database, number: int) -> None:
    async with database.writes() as session:
        for each in range(number):
            await hire(session, f"{each}", f"IBAN {each}", f"N {each}")


async def replaced(database: Database, later: Later) -> str:
    """Let another data key be the current one; return its id."""
    for wait in (89 * DAY, DAY):
        await later(wait)
        await rotation.rotate(database)
        forget()
    return (await keyset(database.reads)).current(Kind.DATA).kid


async def done(database: Database, target: Target, batch: int = 3) -> Progress:
    *_, last = [each async for each in reencrypt(database, target, batch=batch)]
    return last


async def kids(database: Database, target: Target) -> set[str | None]:
    texts = (await database.reads.execute(select(target.text))).scalars()
    return {kid_of(text) for text in texts}


@pytest.mark.parametrize("target", [IBANS, NUMBERS])
async def test_everything_is_sealed_by_the_current_key(
    database: Database, later: Later, target: Target
) -> None:
    await hired(database, 8)
    kid = await replaced(database, later)
    last = await done(database, target)
    assert (last.sealed, last.left, last.failed) == (8, 0, set())
    assert await kids(database, target) == {kid}
    keys = await keyset(database.reads)
    rows = (await database.reads.execute(select(PEOPLE))).all()
    assert {keys.opened(row.iban, row.id) for row in rows} == {f"IBAN {n}" for n in range(8)}
    assert {keys.opened(row.number, row.id) for row in rows} == {f"N {n}" for n in range(8)}
    assert (await done(database, target)).sealed == 0


async def test_a_run_goes_on_where_the_last_one_has_ended(database: Database, later: Later) -> None:
    await hired(database, 8)
    await replaced(database, later)
    async for progress in reencrypt(database, IBANS, batch=3):
        assert progress.sealed == 3
        break
    position = (await database.reads.execute(select(REENCRYPTIONS.c.position))).scalar_one()
    async for progress in reencrypt(database, IBANS, batch=3):
        assert progress.sealed == 6
        assert [f"{each}" for each in progress.position or ()] != position
        break
    last = await done(database, IBANS)
    assert (last.sealed, last.left) == (8, 0)
    assert await kids(database, IBANS) == {last.kid}


async def test_a_change_meanwhile_is_kept(
    database: Database, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hired(database, 2)
    kid = await replaced(database, later)
    changed: list[UUID] = []

    async def slowly(reader: Reader, *sealed: Sealed | str | None) -> Keyset:
        """Get the keys; once, somebody else has changed what was read by then."""
        keys = await keyset(reader, *sealed)
        if sealed and not changed:
            async with database.writes() as session:
                changed.append((await session.execute(select(PEOPLE.c.id).limit(1))).scalar_one())
                other = keys.seal(Person.iban, changed[0], "another")
                mine = update(PEOPLE).where(PEOPLE.c.id == changed[0])
                await session.execute(mine.values(iban=other))
        return keys

    monkeypatch.setattr(reencryption, "keyset", slowly)
    last = await done(database, IBANS, batch=9)
    assert (last.sealed, last.left) == (1, 0)
    assert await kids(database, IBANS) == {kid}
    keys = await keyset(database.reads)
    rows = (await database.reads.execute(select(PEOPLE))).all()
    told = {row.id: keys.opened(row.iban, row.id) for row in rows}
    assert told.pop(changed[0]) == "another"
    assert list(told.values()) in (["IBAN 0"], ["IBAN 1"])


async def test_what_cannot_be_opened_is_told_and_stops_nothing(
    database: Database, later: Later
) -> None:
    await hired(database, 5)
    await replaced(database, later)
    async with database.writes() as session:
        victim = (await session.execute(select(PEOPLE.c.id).limit(1))).scalar_one()
        broken = {PEOPLE.c.iban: type_coerce("k1.0123456789abcdef.AAAA", String)}
        await session.execute(update(PEOPLE).where(PEOPLE.c.id == victim).values(broken))
    last = await done(database, IBANS)
    assert (last.left, last.failed, last.is_finished) == (1, {(victim,)}, False)


async def test_what_was_stored_plain_is_sealed(database: Database) -> None:
    async with database.writes() as session:
        ada = await hire(session, "Ada", "x")
        await session.execute(update(PEOPLE).values(secret=sealing.plain(b"old")))
    assert (await done(database, SECRETS)).sealed == 1
    stored = (await database.reads.execute(select(PEOPLE.c.secret))).scalar_one()
    assert stored is not None
    assert stored.startswith("k1.")
    place = sealing.place(PEOPLE.c.secret, ada)
    assert await sealing.opened(database.reads, stored, place) == b"old"


async def test_a_data_key_goes_when_nothing_needs_it(
    database: Database, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reencryption, "targets", lambda: [IBANS, NUMBERS])
    await hired(database, 3)
    await replaced(database, later)
    await done(database, IBANS)
    assert await reencryption.prune(database) == []
    await later(8 * DAY)
    # The numbers are not done yet.
    assert await reencryption.prune(database) == []
    await done(database, NUMBERS)
    (removed,) = await reencryption.prune(database)
    forget()
    keys = await keyset(database.reads, f"k1.{removed}.AAAA")
    assert removed not in keys
    assert not keys.of(Kind.DATA, State.RETIRED)
    count = select(func.count()).select_from(PEOPLE)
    assert (await database.reads.execute(count)).scalar_one() == 3
