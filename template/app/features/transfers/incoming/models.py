"""The tables of imports."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base, table_of

LONGEST_ERROR = 500


class Mode(StrEnum):
    """What is done with the rows of a file that are good.

    VALIDATE: nothing. ALL: they are written, all in one transaction, if there are no others.
    PARTIAL: they are written, whatever the others are.
    """

    VALIDATE = "validate"
    ALL = "all"
    PARTIAL = "partial"


class Existing(StrEnum):
    """What is done with a row whose key is in the table already."""

    UPDATE = "update"
    REFUSE = "refuse"


class State(StrEnum):
    """How far an import has come.

    RECEIVING: its file is being stored; whoever did that may have died. REFUSED: nothing was
    written, for rows are bad. FAILED: it could not be worked on.
    """

    RECEIVING = "receiving"
    QUEUED = "queued"
    CHECKING = "checking"
    WRITING = "writing"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"


RUNNING = (State.CHECKING, State.WRITING)
UNFINISHED = (State.QUEUED, *RUNNING)


class Import(Base):
    """A file that is to be imported, and how far that is.

    The id is made of what the file says and how it is asked for: the same is the same import.
    `attempt` is the one of its job that may write; `written_to` is the last row whose batch is.
    """

    __tablename__ = "imports"
    __table_args__ = (
        Index(None, "transfer", "created_at", "id"),
        Index(None, "expires_at"),
        Index(None, "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    transfer: Mapped[str] = mapped_column(String(50))
    mode: Mapped[str] = mapped_column(String(10))
    existing: Mapped[str] = mapped_column(String(10))
    # What was stated of the file's form.
    stated: Mapped[dict[str, str | None]] = mapped_column(JSON)
    requester: Mapped[str | None] = mapped_column(String(200))
    file: Mapped[str | None] = mapped_column(String(200))
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(String(10))
    attempt: Mapped[int]
    format: Mapped[str | None] = mapped_column(String(10))
    encoding: Mapped[str | None] = mapped_column(String(20))
    delimiter: Mapped[str | None] = mapped_column(String(1))
    rows: Mapped[int]
    valid: Mapped[int]
    bad: Mapped[int]
    created: Mapped[int]
    updated: Mapped[int]
    unchanged: Mapped[int]
    written_to: Mapped[int]
    report: Mapped[str | None] = mapped_column(String(200))
    report_bytes: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[str | None] = mapped_column(String(LONGEST_ERROR))
    created_at: Mapped[datetime]
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class RefusedRow(Base):
    """Why a row could not be written that its schema had taken; for the report."""

    __tablename__ = "import_errors"

    import_id: Mapped[UUID] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True
    )
    row: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    error: Mapped[str] = mapped_column(String(LONGEST_ERROR))


IMPORTS = table_of(Import)
ERRORS = table_of(RefusedRow)
