"""Leases: what one holder at a time may do, until an instant, so that a crash ends it by itself.

`term` fences: it grows with every change of holder, and only the latest holder's lease can be
renewed or released. Clocks of hosts may differ by less than a lease lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from sqlalchemy import CursorResult, Exists, String, bindparam, exists, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base, ReadConnection, WriteSession

# While somebody holds this lease no job is sent or begun (`pause.py`).
PAUSE = "pause"


class LeaseRow(Base):
    """A lease that was given out at some time."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    holder: Mapped[str] = mapped_column(String(200))
    term: Mapped[int]
    until: Mapped[datetime]


@dataclass(frozen=True)
class Lease:
    """One holder's time with what `name` stands for."""

    name: str
    holder: str
    term: int
    until: datetime


_ROW = LeaseRow.__table__
_BY_NAME = select(_ROW.c.name, _ROW.c.holder, _ROW.c.term, _ROW.c.until).where(
    _ROW.c.name == bindparam("name")
)


def is_held(name: str) -> Exists:
    """Return the condition that somebody holds `name` now."""
    return exists().where(_ROW.c.name == name, _ROW.c.until > datetime.now(UTC))


async def holding(reads: ReadConnection, name: str) -> Lease | None:
    """Return the lease that is held now."""
    row = (await reads.execute(_BY_NAME, {"name": name})).mappings().one_or_none()
    lease = Lease(**row) if row is not None else None
    return lease if lease is not None and lease.until > datetime.now(UTC) else None


async def acquire(session: WriteSession, name: str, holder: str, until: datetime) -> Lease | None:
    """Take the lease if it is free or `holder`'s already; None when another has it."""
    row = (await session.execute(_BY_NAME, {"name": name})).mappings().one_or_none()
    if row is None:
        return await _create(session, Lease(name, holder, 1, until))
    taken = await session.execute(
        update(LeaseRow)
        .where(
            LeaseRow.name == name,
            LeaseRow.term == row["term"],
            or_(LeaseRow.until <= datetime.now(UTC), LeaseRow.holder == holder),
        )
        .values(holder=holder, term=row["term"] + 1, until=until)
    )
    if cast("CursorResult[object]", taken).rowcount == 0:
        return None
    return Lease(name, holder, row["term"] + 1, until)


async def _create(session: WriteSession, lease: Lease) -> Lease | None:
    try:
        async with session.begin_nested():
            await session.execute(
                insert(LeaseRow).values(
                    name=lease.name, holder=lease.holder, term=lease.term, until=lease.until
                )
            )
    except IntegrityError:  # somebody was faster
        return None
    return lease


async def renew(session: WriteSession, lease: Lease, until: datetime) -> bool:
    """Keep the lease until later; False when it is not this holder's any more.

    In a transaction with other work it fences that work: the row stays locked until the commit.
    """
    kept = await session.execute(
        update(LeaseRow)
        .where(LeaseRow.name == lease.name, LeaseRow.term == lease.term)
        .values(until=until)
    )
    return cast("CursorResult[object]", kept).rowcount == 1


async def release(session: WriteSession, lease: Lease) -> None:
    await renew(session, lease, datetime.now(UTC))
