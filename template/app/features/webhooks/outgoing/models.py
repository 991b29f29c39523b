"""The tables of webhooks that are sent."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base, table_of
from app.core.sealing import SEALED


class State(StrEnum):
    """How far a delivery has come. FAILED: it was tried as often as the schedule has times."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookEndpoint(Base):
    """Who is sent webhooks, of which types, and how it does.

    `failing_since` is when the first failed after which nothing was taken, `outages` how often in
    turn it was not there, and until `paused_until` it is left alone. `former_secret` is all that
    sign beside `secret`, one after the other. `job_id` is the job that
    delivers to it, alone until it ends or `job_until`; `wake_id` is the one that waits to.
    """

    __tablename__ = "webhook_endpoints"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    url: Mapped[str] = mapped_column(String(2000))
    event_types: Mapped[list[str]] = mapped_column(JSON)
    secret: Mapped[str] = mapped_column(Text, info=SEALED)
    former_secret: Mapped[str | None] = mapped_column(Text, info=SEALED)
    former_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    disabled_why: Mapped[str | None] = mapped_column(String(200))
    failing_since: Mapped[datetime | None]
    outages: Mapped[int] = mapped_column(default=0)
    paused_until: Mapped[datetime | None]
    job_id: Mapped[UUID | None]
    job_until: Mapped[datetime | None]
    wake_id: Mapped[UUID | None]


class WebhookEvent(Base):
    """What has happened, as all who want to know it are sent it, byte for byte.

    `digest` is that of type and key, so that what is published twice is there once.
    """

    __tablename__ = "webhook_events"
    __table_args__ = (Index(None, "created_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    type: Mapped[str] = mapped_column(String(100))
    body: Mapped[bytes]
    created_at: Mapped[datetime]


class WebhookDelivery(Base):
    """An event on its way to an endpoint. Its id is the `webhook-id`, the same at each attempt.

    `failures` is where it is in the schedule, from which a replay starts anew; `attempts` counts
    all, and fences: what became of an attempt is written down once. `status`, `milliseconds` and
    `detail` are those of the last.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("event_id", "endpoint_id"),
        Index(None, "endpoint_id", "state", "due_at"),
        Index(None, "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    event_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_events.id", ondelete="CASCADE"))
    endpoint_id: Mapped[UUID] = mapped_column(
        ForeignKey("webhook_endpoints.id", ondelete="CASCADE")
    )
    state: Mapped[str] = mapped_column(String(10))
    attempts: Mapped[int]
    failures: Mapped[int]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempted_at: Mapped[datetime | None]
    status: Mapped[int | None]
    milliseconds: Mapped[int | None]
    detail: Mapped[str | None] = mapped_column(String(500))


ENDPOINTS = table_of(WebhookEndpoint)
EVENTS = table_of(WebhookEvent)
DELIVERIES = table_of(WebhookDelivery)
