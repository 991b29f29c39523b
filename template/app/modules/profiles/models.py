"""The tables of profiles."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, String, case, func, select
from sqlalchemy.orm import Mapped, column_property, mapped_column

from app.core.database import SORT_KEY, Base, exact


class HeadshotState(StrEnum):
    """How far a headshot has come."""

    NONE = "none"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class Headshot(Base):
    """A profile's picture as it was uploaded, and its thumbnail as soon as the worker has made it.

    `version` changes with every upload, so that a late thumbnail of an older picture is dropped. A
    thumbnail without a byte is that of a picture that cannot be decoded.
    """

    __tablename__ = "profile_headshots"

    profile_id: Mapped[UUID] = mapped_column(
        ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[UUID]
    media_type: Mapped[str] = mapped_column(String(50))
    image: Mapped[bytes]
    thumbnail: Mapped[bytes | None]


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
    employee_number: Mapped[str] = mapped_column(exact(20), unique=True)
    full_name: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(SORT_KEY)
    email: Mapped[str] = mapped_column(String(254))
    department: Mapped[str] = mapped_column(exact(100))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column()
    # Looked up for each row that is returned: for a join, MySQL would sort the whole table.
    headshot: Mapped[str] = column_property(
        func.coalesce(
            select(
                case(
                    (Headshot.thumbnail.is_(None), HeadshotState.PROCESSING.value),
                    (func.length(Headshot.thumbnail) == 0, HeadshotState.FAILED.value),
                    else_=HeadshotState.READY.value,
                )
            )
            .where(Headshot.profile_id == id)  # noqa: A003 - the column above
            .scalar_subquery(),
            HeadshotState.NONE.value,
        ),
        expire_on_flush=False,
    )

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own form
