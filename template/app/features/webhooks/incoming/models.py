"""The tables of received webhooks."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from pydantic import JsonValue
from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base

LONGEST_SUBJECT = 200


class State(StrEnum):
    """How far a message has come.

    STALE: something newer of its subject was there already. IGNORED: nothing here does its action.
    """

    RECEIVED = "received"
    APPLIED = "applied"
    STALE = "stale"
    IGNORED = "ignored"
    FAILED = "failed"


class ReceivedWebhook(Base):
    """A message, for as long as its sender may repeat it.

    `digest` is that of source and message id, `fingerprint` that of what it says. The content is
    kept as long as it may still be needed: for what is waiting, has failed, or was ignored.
    """

    __tablename__ = "webhooks_received"
    __table_args__ = (Index(None, "received_at"), Index(None, "state", "received_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(50))
    message_id: Mapped[str] = mapped_column(String(200))
    module: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(100))
    subject: Mapped[str | None] = mapped_column(String(LONGEST_SUBJECT))
    # As bytes: each database has limits of its own to what JSON may be.
    content: Mapped[bytes | None]
    state: Mapped[str] = mapped_column(String(10))
    detail: Mapped[str | None] = mapped_column(String(500))
    received_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class WebhookSubject(Base):
    """What messages are about, and the newest of them that was applied to each part of it.

    It outlives its messages, and what it is about: so a late update does not revive what was
    deleted. `digest` is that of source, module and subject, and tells nobody who it is.
    """

    __tablename__ = "webhook_subjects"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    applied: Mapped[dict[str, JsonValue]] = mapped_column(JSON)
