"""The tables of periods. What freezes rows are triggers, which read them: docs/periods.md."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base, table_of


class PeriodRow(Base):
    """A period; its rows are from `begins_at` on and before `ends_at`.

    `removing` lets rows of it be deleted. It is true inside of a transaction that archives, and
    false before its end: nobody else ever sees it.
    """

    __tablename__ = "periods"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    first: Mapped[date]
    last: Mapped[date]
    zone: Mapped[str] = mapped_column(String(64))
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10))
    removing: Mapped[bool]
    version: Mapped[int]
    folder: Mapped[str | None] = mapped_column(String(100))
    manifest: Mapped[str | None] = mapped_column(String(64))
    verified_at: Mapped[datetime | None]
    restored_at: Mapped[datetime | None]
    removed: Mapped[dict[str, int]] = mapped_column(JSON)


class EventRow(Base):
    """Who has moved a period into another state, when and why. Rows are only ever added."""

    __tablename__ = "period_events"

    period: Mapped[str] = mapped_column(ForeignKey("periods.name"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    by_whom: Mapped[str] = mapped_column(String(100))
    why: Mapped[str] = mapped_column(String(500))
    source: Mapped[str | None] = mapped_column(String(10))
    target: Mapped[str] = mapped_column(String(10))


class GateRow(Base):
    """The one row that whoever writes to a frozen table shares, and who moves a period has alone.

    So nobody's transaction has seen a period open that is closed by the time of its commit.
    """

    __tablename__ = "period_gate"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]


PERIODS = table_of(PeriodRow)
EVENTS = table_of(EventRow)
GATE = table_of(GateRow)
