"""The tables of notifications."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from pydantic import JsonValue
from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base


class Channel(StrEnum):
    """How a message reaches its recipient."""

    MAIL = "mail"
    SMS = "sms"


class State(StrEnum):
    """How far a message has come.

    UNKNOWN: it was being handed over when the connection or the process ended, so that nobody
    knows whether the server has it. It is not sent again unless somebody says so.
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"


class Notification(Base):
    """A message: written before it is sent.

    `digest` is that of channel, recipient and key, so that what is asked for twice is there once.
    `job_id` and `attempt` are whose sending it is or was: only that attempt says how it went.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        Index(None, "state", "channel", "due_at"),
        Index(None, "job_id"),
        Index(None, "provider_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    channel: Mapped[str] = mapped_column(String(10))
    recipient: Mapped[str] = mapped_column(String(254))
    content: Mapped[dict[str, JsonValue]] = mapped_column(JSON)
    urgent: Mapped[bool]
    state: Mapped[str] = mapped_column(String(10))
    failures: Mapped[int]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    job_id: Mapped[UUID | None]
    attempt: Mapped[int | None]
    provider_id: Mapped[str | None] = mapped_column(String(200))
    detail: Mapped[str | None] = mapped_column(String(500))


class NotificationAttachment(Base):
    """A file that goes with a mail."""

    __tablename__ = "notification_attachments"

    notification_id: Mapped[UUID] = mapped_column(
        ForeignKey("notifications.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(100))
    data: Mapped[bytes]


class Suppression(Base):
    """A recipient who gets nothing: by wish, or because nothing arrives there."""

    __tablename__ = "notification_suppressions"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    channel: Mapped[str] = mapped_column(String(10))
    recipient: Mapped[str] = mapped_column(String(254))
    reason: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
