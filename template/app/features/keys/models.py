"""The tables of keys."""

from __future__ import annotations

from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import JSON, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base, table_of


class KeyRow(Base):
    """A key; what it is, is wrapped by the master key, and erased when it is revoked.

    `slot` is the state where only one key of a kind may have it, so that no two processes that
    rotate at once can make two.
    """

    __tablename__ = "crypto_keys"
    __table_args__ = (UniqueConstraint("kind", "slot"),)

    kid: Mapped[str] = mapped_column(String(16), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    algorithm: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(10))
    slot: Mapped[str | None] = mapped_column(String(10))
    since: Mapped[datetime]
    created_at: Mapped[datetime]
    wrapped: Mapped[str | None] = mapped_column(Text)


class ReencryptionRow(Base):
    """How far the re-encryption of a column with a data key has come."""

    __tablename__ = "key_reencryptions"

    target: Mapped[str] = mapped_column(String(130), primary_key=True)
    kid: Mapped[str] = mapped_column(String(16))
    # The primary key of the last row that was looked at.
    position: Mapped[list[JsonValue] | None] = mapped_column(JSON(none_as_null=True))
    sealed: Mapped[int]
    updated_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


KEYS = table_of(KeyRow)
REENCRYPTIONS = table_of(ReencryptionRow)
