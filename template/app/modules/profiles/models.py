"""The tables of profiles."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import SORT_KEY, Base


class Profile(Base):
    """A member of staff.

    `version` counts the changes: an UPDATE or DELETE of a row that was changed since fails.
    `name_key` is the name as lists sort and find it, alike on every database.
    """

    __tablename__ = "profiles"
    __table_args__ = (
        Index("ix_profiles_created_at_id", "created_at", "id"),
        Index("ix_profiles_name_key_id", "name_key", "id"),
        # The unique index alone would not do: MySQL sorts the whole table where the id is missing.
        Index("ix_profiles_employee_number_id", "employee_number", "id"),
        Index("ix_profiles_department_created_at_id", "department", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    employee_number: Mapped[str] = mapped_column(String(20), unique=True)
    full_name: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(SORT_KEY)
    email: Mapped[str] = mapped_column(String(254))
    department: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own form


class Headshot(Base):
    """A profile's picture as it was uploaded, and its thumbnail as soon as the worker has made it.

    `version` changes with every upload, so that a late thumbnail of an older picture is dropped.
    """

    __tablename__ = "profile_headshots"

    profile_id: Mapped[UUID] = mapped_column(
        ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[UUID]
    media_type: Mapped[str] = mapped_column(String(50))
    image: Mapped[bytes]
    thumbnail: Mapped[bytes | None]
