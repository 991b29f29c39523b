"""The table of exports."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import JSON, BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base, table_of


class Format(StrEnum):
    """What kind of file it is; its name ends with it."""

    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"


class State(StrEnum):
    """How far an export has come. EXPIRED: its file is no more."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


UNFINISHED = (State.QUEUED, State.RUNNING)


class Export(Base):
    """A file of a resource's rows, and how far it is.

    `attempt` is the one of its job that may write; `rows` are those it has written of `total`,
    which is what there was at `snapshot_at`.
    """

    __tablename__ = "exports"
    __table_args__ = (
        Index(None, "transfer", "created_at", "id"),
        Index(None, "state", "expires_at"),
        Index(None, "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    transfer: Mapped[str] = mapped_column(String(50))
    format: Mapped[str] = mapped_column(String(10))
    query: Mapped[dict[str, str]] = mapped_column(JSON)
    requester: Mapped[str | None] = mapped_column(String(200))
    job_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(String(10))
    attempt: Mapped[int]
    rows: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int | None] = mapped_column(BigInteger)
    columns: Mapped[list[str] | None] = mapped_column(JSON)
    file: Mapped[str | None] = mapped_column(String(200))
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime]
    began_at: Mapped[datetime | None]
    snapshot_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


EXPORTS = table_of(Export)
