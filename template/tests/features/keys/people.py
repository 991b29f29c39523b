"""A table with encrypted columns, which only the tests have."""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import WriteSession, table_of
from app.core.sealing import SEALED
from app.features.keys import Encrypted, Sealed, keyset
from tests.things.models import OfTests


class Person(OfTests):
    """Somebody with an account, and with a number by which people are found."""

    __tablename__ = "test_people"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(50))
    iban: Mapped[Sealed | None] = mapped_column(Encrypted(40))
    number: Mapped[Sealed | None] = mapped_column(Encrypted(20, deterministic=True), index=True)
    notes: Mapped[Sealed | None] = mapped_column(Encrypted())
    secret: Mapped[str | None] = mapped_column(Text, info=SEALED)


PEOPLE = table_of(Person)


async def hire(session: WriteSession, name: str, iban: str, number: str = "7") -> UUID:
    keys, new = await keyset(session), uuid4()
    person = Person(
        id=new,
        name=name,
        iban=keys.seal(Person.iban, new, iban),
        number=keys.seal(Person.number, new, number),
    )
    session.add(person)
    await session.flush()
    return new
