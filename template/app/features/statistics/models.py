"""The tables of statistics."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from sqlalchemy import BigInteger, Index, Integer, String, Table, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base


class SourceRow(Base):
    """How far the statistics of a source are rolled up: all days that end by `rolled_until`.

    `declared_as` tells by what zone and which declarations; whatever else they are now, nothing of
    it counts. `version` changes with whatever is kept of days that were rolled up before.
    """

    __tablename__ = "statistics_sources"

    source: Mapped[str] = mapped_column(String(130), primary_key=True)
    declared_as: Mapped[str | None] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(BigInteger, default=0)
    rolled_until: Mapped[datetime | None]
    rolled_at: Mapped[datetime | None]


class DayRow(Base):
    """What a statistic is on one day, by its dimensions; a day without rows has none of these.

    `cells` is NULL where there are more of them than are kept.
    """

    __tablename__ = "statistics_daily"

    source: Mapped[str] = mapped_column(String(130), primary_key=True)
    statistic: Mapped[str] = mapped_column(String(64), primary_key=True)
    begin_at: Mapped[datetime] = mapped_column(primary_key=True)
    cells: Mapped[str | None] = mapped_column(
        Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
    )


class MarkRow(Base):
    """A change of a source, made by its triggers: at which instant something is otherwise now.

    NULL is any instant: the table was emptied, or its triggers are new.
    """

    __tablename__ = "statistics_marks"
    __table_args__ = (Index(None, "source", "at"),)

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True
    )
    source: Mapped[str] = mapped_column(String(130))
    at: Mapped[datetime | None]


SOURCES = cast("Table", SourceRow.__table__)
DAILY = cast("Table", DayRow.__table__)
MARKS = cast("Table", MarkRow.__table__)
