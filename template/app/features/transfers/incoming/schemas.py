"""What the api and the commands say of imports."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.core.listing import PageQuery
from app.features.transfers.incoming.delimited import Delimiter
from app.features.transfers.incoming.encodings import Encoding
from app.features.transfers.incoming.models import Existing, Mode, State


class ImportQuery(BaseModel):
    """How a file is to be imported."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode = Field(
        default=Mode.VALIDATE,
        description="Write nothing, all rows or none, or those that are good.",
    )
    existing: Existing = Field(
        default=Existing.UPDATE, description="Whether rows whose key is known change what it is of."
    )
    encoding: Encoding | None = Field(default=None, description="Of a text; found without this.")
    delimiter: Delimiter | None = Field(default=None, description="Of a text; found without this.")


class ImportOut(BaseModel):
    """An import, and how far it is."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    transfer: str
    mode: Mode
    existing: Existing
    requester: str | None = Field(description="Who has sent it, as far as that is known.")
    bytes: int
    sha256: str
    state: State
    format: str | None = Field(description="As its bytes say.")
    encoding: str | None = Field(description="As it was found: look at `error` and the report.")
    delimiter: str | None
    rows: int = Field(description="How many were read so far.")
    valid: int = Field(description="How many of them their schema takes.")
    bad: int = Field(description="How many are not written: each is in the report.")
    created: int = Field(description="How many are new; validating, how many would be.")
    updated: int = Field(description="How many have changed; validating, whose key is known.")
    unchanged: int
    error: str | None = Field(description="Why it has failed.")
    report_bytes: int | None = Field(description="How long the report of bad rows is.")
    created_at: datetime
    ended_at: datetime | None
    expires_at: datetime | None = Field(description="Until when the report can be fetched.")


class ImportsQuery(PageQuery):
    """Which imports, and in which order."""

    sort: Literal["created_at", "-created_at"] = Field(default="-created_at")
    state: State | None = Field(default=None, description="Only those that are so far.")
