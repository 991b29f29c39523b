"""Registered client applications: their tables, and what operators do with them.

A client has several keys while it changes from one to the next: rotation makes a new key and lets
the older ones live on for a while.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import JSON, ForeignKey, String, delete, exists, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base, ReadConnection, WriteSession, exact
from app.features.security.keys import ClientKey


class Client(Base):
    """An application that calls this api."""

    __tablename__ = "clients"

    number: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(exact(100), unique=True)
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class ClientKeyRow(Base):
    """What is kept of a client's key."""

    __tablename__ = "client_keys"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    client_number: Mapped[int] = mapped_column(
        ForeignKey("clients.number", ondelete="CASCADE"), index=True
    )
    prefix: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]


class NoSuchClient(LookupError):
    """No client has that number."""


class Revoked(ValueError):
    """The client of that number is revoked, which cannot be undone."""


class NameTaken(ValueError):
    """Another client has that name; revoked ones keep theirs, so that logs stay readable."""


@dataclass(frozen=True)
class Registration:
    """What a client is registered with."""

    name: str
    scopes: Collection[str]
    expires_at: datetime | None = None


@dataclass(frozen=True)
class ClientOut:
    """A client as operators see it."""

    number: int
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True)
class KeyOut:
    """A client's key as operators see it."""

    prefix: str
    created_at: datetime
    expires_at: datetime | None


_CLIENT, _KEY = Client.__table__, ClientKeyRow.__table__
_LIST = select(_CLIENT).order_by(_CLIENT.c.number)
_KEYS = select(_KEY.c.prefix, _KEY.c.created_at, _KEY.c.expires_at).order_by(_KEY.c.created_at)


async def register(session: WriteSession, wanted: Registration) -> ClientKey:
    """Register a client and return its first key; raises NameTaken."""
    client = Client(
        name=wanted.name,
        scopes=sorted(wanted.scopes),
        created_at=datetime.now(UTC),
        expires_at=wanted.expires_at,
    )
    session.add(client)
    try:
        await session.flush()
    except IntegrityError as error:
        raise NameTaken(wanted.name) from error
    return await _add_key(session, client.number)


async def rotate(session: WriteSession, number: int, *, overlap: timedelta) -> ClientKey:
    """Return a new key of a client, whose other keys end after `overlap`.

    Raises NoSuchClient or Revoked.
    """
    now = datetime.now(UTC)
    if (await _require(session, number)).revoked_at is not None:
        raise Revoked(number)
    mine = ClientKeyRow.client_number == number
    await session.execute(delete(ClientKeyRow).where(mine, ClientKeyRow.expires_at <= now))
    ends_later = or_(ClientKeyRow.expires_at.is_(None), ClientKeyRow.expires_at > now + overlap)
    await session.execute(
        update(ClientKeyRow).where(mine, ends_later).values(expires_at=now + overlap)
    )
    return await _add_key(session, number)


async def revoke(session: WriteSession, number: int) -> None:
    """Refuse a client from now on; it keeps its number and name. Raises NoSuchClient."""
    client = await _require(session, number)
    client.revoked_at = client.revoked_at or datetime.now(UTC)


async def remove(session: WriteSession, number: int) -> None:
    """Delete a client that nobody needs to remember; raises NoSuchClient."""
    await session.delete(await _require(session, number))


async def list_all(reads: ReadConnection) -> Sequence[ClientOut]:
    return [ClientOut(**row) for row in (await reads.execute(_LIST)).mappings()]


async def get(reads: ReadConnection, number: int) -> tuple[ClientOut, Sequence[KeyOut]]:
    """Return a client and its keys, the oldest first; raises NoSuchClient."""
    row = (await reads.execute(_LIST.where(_CLIENT.c.number == number))).mappings().one_or_none()
    if row is None:
        raise NoSuchClient(number)
    keys = (await reads.execute(_KEYS.where(_KEY.c.client_number == number))).mappings()
    return ClientOut(**row), [KeyOut(**key) for key in keys]


async def any_usable(reads: ReadConnection) -> bool:
    """Say whether any client could call now."""
    now = datetime.now(UTC)
    lives = or_(_CLIENT.c.expires_at.is_(None), _CLIENT.c.expires_at > now)
    has_key = exists().where(
        _KEY.c.client_number == _CLIENT.c.number,
        or_(_KEY.c.expires_at.is_(None), _KEY.c.expires_at > now),
    )
    usable = select(func.count()).where(_CLIENT.c.revoked_at.is_(None), lives, has_key)
    return (await reads.execute(usable)).scalar_one() > 0


async def _require(session: WriteSession, number: int) -> Client:
    client = await session.get(Client, number)
    if client is None:
        raise NoSuchClient(number)
    return client


async def _add_key(session: WriteSession, number: int) -> ClientKey:
    key = ClientKey.new(number)
    session.add(
        ClientKeyRow(
            digest=key.digest,
            client_number=number,
            prefix=key.prefix,
            created_at=datetime.now(UTC),
        )
    )
    await session.flush()
    return key
