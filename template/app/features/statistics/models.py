"""The tables of statistics."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import JsonValue
from sqlalchemy import JSON, BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base, table_of


class DailyRow(Base):
    """The numbers of one day, for one value of each dimension; `cell` is a digest of these."""

    __tablename__ = "statistics_daily"

    statistic: Mapped[str] = mapped_column(String(100), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    cell: Mapped[str] = mapped_column(String(32), primary_key=True)
    dimensions: Mapped[list[str | None]] = mapped_column(JSON)
    numbers: Mapped[list[JsonValue]] = mapped_column(JSON)


class StandingRow(Base):
    """How far a statistic is counted: every day before `until`, as it was `declared` then.

    `version` counts the transactions that have changed what is kept of it.
    """

    __tablename__ = "statistics_standings"

    statistic: Mapped[str] = mapped_column(String(100), primary_key=True)
    source: Mapped[str] = mapped_column(String(130))
    declared: Mapped[str] = mapped_column(String(32))
    until: Mapped[date | None]
    version: Mapped[int]
    counted_at: Mapped[datetime | None]


class MarkRow(Base):
    """The instant of a row that was inserted, changed or deleted; NULL where all of them were.

    The database's triggers write it, in the transaction of the change.
    """

    __tablename__ = "statistics_marks"
    __table_args__ = (Index("ix_statistics_marks_source_at", "source", "at"),)

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    source: Mapped[str] = mapped_column(String(130))
    at: Mapped[datetime | None]


DAILY = table_of(DailyRow)
STANDINGS = table_of(StandingRow)
MARKS = table_of(MarkRow)
