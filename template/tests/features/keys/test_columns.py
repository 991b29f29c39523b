"""Encrypted columns: read where they belong and nowhere else, and never stored plain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, type_coerce, update
from sqlalchemy.exc import StatementError
from sqlalchemy.types import String

from app.core import sealing
from app.core.database import Database, WriteSession
from app.core.errors import InvalidInput
from app.core.sealing import CannotOpen
from app.features.keys import Sealed, keyset, rotation
from app.features.keys.ciphertexts import DataKey, kid_of, longest
from app.features.keys.columns import WrongPlace
from app.features.keys.keyset import forget
from app.features.keys.states import Kind
from tests.features.keys.conftest import Later
from tests.features.keys.people import PEOPLE, Person, hire
from tests.features.keys.test_rotation import DAY

pytestmark = pytest.mark.anyio

IBAN = "XX00 1111 2222"


async def test_rows_and_objects_are_opened_where_they_are(database: Database) -> None:
    async with database.writes() as session:
        await hire(session, "Ada", IBAN)
        await hire(session, "Bob", "YY")
    rows = (await database.reads.execute(select(PEOPLE).order_by(PEOPLE.c.name))).all()
    keys = await keyset(database.reads, *(row.iban for row in rows))
    assert [keys.opened(row.iban, row.id) for row in rows] == [IBAN, "YY"]
    async with database.writes() as session:
        ada = await session.get(Person, rows[0].id)
        assert ada is not None
        assert ada.iban is not None
        assert (await keyset(session)).opened(ada.iban, ada.id) == IBAN
        assert ada.notes is None
        ada.notes = keys.seal(Person.notes, ada.id, "text " * 50_000)
    found = (await database.reads.execute(select(PEOPLE.c.notes, PEOPLE.c.id))).all()
    (notes,) = [(row.notes, row.id) for row in found if row.notes is not None]
    assert len(keys.opened(*notes)) == 250_000


async def test_nothing_readable_is_stored(database: Database) -> None:
    async with database.writes() as session:
        await hire(session, "Ada", IBAN, "A123")
    stored = select(*(type_coerce(each, String) for each in (PEOPLE.c.iban, PEOPLE.c.number)))
    iban, number = tuple((await database.reads.execute(stored)).one())
    assert iban.startswith("k1.")
    assert number.startswith("d1.")
    assert len(iban) <= longest(40)


async def test_a_ciphertext_that_was_moved_does_not_open(database: Database) -> None:
    async with database.writes() as session:
        ada, bob = await hire(session, "Ada", IBAN, "1"), await hire(session, "Bob", "YY", "2")
        (row,) = (await session.execute(select(PEOPLE).where(PEOPLE.c.id == ada))).all()
        moved = {
            PEOPLE.c.iban: type_coerce(row.iban.text, String),
            PEOPLE.c.notes: type_coerce(row.iban.text, String),
            PEOPLE.c.number: type_coerce(row.iban.text, String),
        }
        await session.execute(update(PEOPLE).where(PEOPLE.c.id == bob).values(moved))
        await session.execute(
            update(PEOPLE)
            .where(PEOPLE.c.id == ada)
            .values({PEOPLE.c.notes: type_coerce(row.number.text, String)})
        )
    keys = await keyset(database.reads)
    found = (await database.reads.execute(select(PEOPLE))).all()
    rows = {row.id: row for row in found}
    moved_to = (rows[bob].iban, rows[bob].notes, rows[bob].number, rows[ada].notes)
    for sealed, key in zip(moved_to, (bob, bob, bob, ada), strict=True):
        with pytest.raises(CannotOpen):
            keys.opened(sealed, key)
    # In its own row too, where it is in another column.
    with pytest.raises(CannotOpen):
        keys.opened(rows[bob].notes, ada)
    assert keys.opened(rows[ada].iban, ada) == IBAN


async def test_every_changed_character_is_noticed(database: Database) -> None:
    async with database.writes() as session:
        ada = await hire(session, "Ada", IBAN)
    row = (await database.reads.execute(select(PEOPLE))).one()
    keys = await keyset(database.reads)
    for sealed in (row.iban, row.number):
        for index in range(len(sealed.text)):
            other = "A" if sealed.text[index] != "A" else "B"
            text = sealed.text[:index] + other + sealed.text[index + 1 :]
            with pytest.raises(CannotOpen):
                keys.opened(Sealed(text, sealed.column), ada)
        for text in ("", sealed.text[:-1], f"{sealed.text}A", f"{sealed.text}=", "k1..", "é"):
            with pytest.raises(CannotOpen):
                keys.opened(Sealed(text, sealed.column), ada)


async def test_plain_text_and_misplaced_values_never_reach_a_statement(database: Database) -> None:
    async with database.writes() as session:
        keys, new = await keyset(session), uuid4()
        with pytest.raises(StatementError, match="takes what a keyset has sealed"):
            await session.execute(insert(PEOPLE).values(id=new, name="x", iban=IBAN))
        notes = keys.seal(Person.notes, new, IBAN)
        with pytest.raises(StatementError, match="given what was sealed for") as raised:
            await session.execute(insert(PEOPLE).values(id=new, name="x", iban=notes))
        assert IBAN not in str(raised.value)
        session.add(Person(id=uuid4(), name="x", iban=keys.seal(Person.iban, new, IBAN)))
        with pytest.raises(ValueError, match="another row"):
            await session.flush()
        session.expunge_all()
        with pytest.raises(InvalidInput, match="iban: 40 bytes in UTF-8 at most, and it has 42"):
            keys.seal(Person.iban, new, "ü" * 21)
        with pytest.raises(WrongPlace, match="flush first"):
            keys.seal(Person.iban, None, "x")
        with pytest.raises(TypeError, match="no encrypted column"):
            keys.seal(Person.name, new, "x")
        with pytest.raises(TypeError, match="nobody can search"):
            keys.candidates(Person.iban, IBAN)


async def test_what_could_never_be_opened_is_refused_also_where_it_was_read(
    database: Database,
) -> None:
    async with database.writes() as session:
        new = await hire(session, "Ada", IBAN)

    async def copied(session: WriteSession, ada: Person) -> None:
        session.add(Person(id=uuid4(), name="Bob", iban=ada.iban, number=ada.number))

    async def moved(_: WriteSession, ada: Person) -> None:
        ada.id = uuid4()

    async def moved_unseen(session: WriteSession, ada: Person) -> None:
        session.expire(ada, ["iban", "notes"])
        ada.id = uuid4()

    async def plain(session: WriteSession, _: Person) -> None:
        session.add(Person(id=uuid4(), name="Bob", iban="plain"))

    for change in (copied, moved, moved_unseen, plain):
        # Not CommitOutcomeUnknown: a commit was not even begun.
        with pytest.raises((WrongPlace, StatementError), match="sealed"):
            await _changed(database, new, change)
    await _changed(database, new, _renamed)
    row = (await database.reads.execute(select(PEOPLE))).one()
    assert (row.name, (await keyset(database.reads)).opened(row.iban, new)) == ("Eve", IBAN)


async def _renamed(session: WriteSession, ada: Person) -> None:
    ada.name, ada.number = "Eve", None
    await session.flush()
    ada.iban = (await keyset(session)).seal(Person.iban, ada.id, IBAN)


async def _changed(
    database: Database, key: UUID, change: Callable[[WriteSession, Person], Awaitable[None]]
) -> None:
    async with database.writes() as session:
        ada = await session.get_one(Person, key)
        await change(session, ada)


async def test_a_deterministic_column_is_searched_also_after_a_rotation(
    database: Database, later: Later
) -> None:
    async with database.writes() as session:
        await hire(session, "Ada", IBAN, "A1")
        await hire(session, "Bob", IBAN, "B2")
    for wait in (89 * DAY, DAY):
        await later(wait)
        await rotation.rotate(database)
        forget()
    async with database.writes() as session:
        await hire(session, "Cyd", IBAN, "A1")
    keys = await keyset(database.reads)
    wanted = PEOPLE.c.number.in_(keys.candidates(Person.number, "A1"))
    found = await database.reads.execute(
        select(PEOPLE.c.name, PEOPLE.c.number, PEOPLE.c.id).where(wanted).order_by(PEOPLE.c.name)
    )
    rows = found.all()
    assert [row.name for row in rows] == ["Ada", "Cyd"]
    assert rows[0].number != rows[1].number
    assert {keys.opened(row.number, row.id) for row in rows} == {"A1"}


async def test_a_process_that_has_read_its_keys_finds_a_newer_one(
    database: Database, later: Later
) -> None:
    async with database.writes() as session:
        await hire(session, "Ada", IBAN)
    stale = await keyset(database.reads)
    (first,) = [key for key in await rotation.find(database.reads) if key.kind is Kind.DATA]
    await rotation.revoke(database, first.kid)
    row = (await database.reads.execute(select(PEOPLE))).one()
    # One that is revoked still opens: what it has sealed would be lost.
    assert stale.opened(row.iban, row.id) == IBAN
    await later(0 * DAY)
    async with database.writes() as session:
        await hire(session, "Bob", IBAN)
    rows = (await database.reads.execute(select(PEOPLE))).all()
    keys = await keyset(database.reads, *(row.iban for row in rows))
    assert {keys.opened(row.iban, row.id) for row in rows} == {IBAN}
    assert len({kid_of(row.iban.text) for row in rows}) == 2


async def test_a_key_that_was_made_in_vain_seals_nothing(database: Database) -> None:
    with pytest.raises(StatementError):
        await _hired_in_vain(database)
    assert await rotation.find(database.reads) == []
    async with database.writes() as session:
        ada = await hire(session, "Ada", IBAN)
    row = (await database.reads.execute(select(PEOPLE))).one()
    forget()
    assert (await keyset(database.reads)).opened(row.iban, ada) == IBAN


async def _hired_in_vain(database: Database) -> None:
    async with database.writes() as session:
        await hire(session, "Ada", IBAN)
        await session.execute(insert(PEOPLE).values(id=uuid4(), iban=IBAN))


async def test_what_features_store_is_sealed_and_plain_stays_readable(database: Database) -> None:
    place = sealing.place(PEOPLE.c.secret, uuid4())
    async with database.writes() as session:
        text = await sealing.seal(session, b"\x00\xff", place)
        assert text.startswith("k1.")
        assert await sealing.opened(session, text, place) == b"\x00\xff"
        assert await sealing.opened(session, sealing.plain(b"old"), place) == b"old"
        for other in (text, "plain:é"):
            with pytest.raises(CannotOpen):
                await sealing.opened(session, other, sealing.place(PEOPLE.c.secret, uuid4()))


def test_the_room_that_is_told_is_enough() -> None:
    key = DataKey("0" * 16, bytes(range(32)))
    for size in range(100):
        assert len(key.seal(b"x" * size, "place")) <= longest(size)
        assert len(key.seal_alike(b"x" * size, "place")) <= longest(size)
