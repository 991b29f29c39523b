"""The table of things. No migration knows it: the test database makes it for itself."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import MetaData, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import NAMING_CONVENTION, SORT_KEY, Base


class OfTests(Base):
    """The base of tables that only tests have."""

    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Thing(OfTests):
    """Something with a number of its own, which a job can weigh."""

    __tablename__ = "test_things"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(SORT_KEY)
    kind: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]
    weighings: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
