"""What the api and the commands say of exports."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.core.listing import PageQuery
from app.features.transfers.outgoing.models import Format, State


class ExportOut(BaseModel):
    """An export, and how far it is."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    transfer: str
    format: Format
    query: dict[str, str] = Field(description="Which rows, and in which order.")
    requester: str | None = Field(description="Who has asked for it, as far as that is known.")
    state: State
    rows: int = Field(description="How many are written so far.")
    total: int | None = Field(description="How many there are; known once it runs.")
    bytes: int | None
    sha256: str | None
    error: str | None = Field(description="Why there is no file.")
    created_at: datetime
    snapshot_at: datetime | None = Field(description="The moment that the file shows.")
    ended_at: datetime | None
    expires_at: datetime | None = Field(description="Until when the file can be fetched.")


class Manifest(BaseModel):
    """What a file is, for whoever checks it; it lies beside the file as JSON."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    transfer: str
    format: Format
    columns: list[str]
    query: dict[str, str]
    requester: str | None
    snapshot_at: datetime
    rows: int
    bytes: int
    sha256: str


class ExportsQuery(PageQuery):
    """Which exports, and in which order."""

    sort: Literal["created_at", "-created_at"] = Field(default="-created_at")
    state: State | None = Field(default=None, description="Only those that are so far.")
