"""Pages of a list: by cursor for walking through it, by number for jumping into it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Generic, Self, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.core.errors import InvalidInput

T = TypeVar("T")

LARGEST_PAGE = 100
# Numbered pages cost what lies before them, so they end here; cursors do not.
DEEPEST_ROW = 10_000
SIGNATURE_BYTES = 12


class PageQuery(BaseModel):
    """Which page of a list: the first, the one at `cursor`, or number `page`."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=20, ge=1, le=LARGEST_PAGE, description="How many items at most.")
    cursor: str | None = Field(
        default=None, max_length=300, description="`next` of the page before."
    )
    page: int | None = Field(default=None, ge=1, description="Counted from 1; adds `total`.")

    @model_validator(mode="after")
    def _either_or(self) -> Self:
        if self.cursor is not None and self.page is not None:
            message = "give either cursor or page"
            raise ValueError(message)
        if self.page is not None and self.page * self.limit > DEEPEST_ROW:
            message = f"numbered pages end at item {DEEPEST_ROW}; walk on by cursor"
            raise ValueError(message)
        return self

    @property
    def offset(self) -> int:
        """How many items lie before this numbered page."""
        return ((self.page or 1) - 1) * self.limit


PageParams = Annotated[PageQuery, Query()]


class Page(BaseModel, Generic[T]):
    """One page of a list, newest first."""

    items: list[T]
    next: str | None = Field(default=None, description="The cursor of the next page.")
    total: int | None = Field(default=None, description="Items in all; with `page` only.")


@dataclass(frozen=True)
class Position:
    """A place in a list that is ordered by creation time and id."""

    created_at: datetime
    id: UUID


class Cursors:
    """Writes positions as opaque, signed text, and reads back only what it wrote."""

    def __init__(self, secret: str) -> None:
        """Sign with `secret`; cursors of another secret are refused."""
        self._key = hashlib.sha256(b"cursor:" + secret.encode()).digest()

    def write(self, position: Position) -> str:
        """Return the cursor of `position`."""
        payload = json.dumps([position.created_at.isoformat(), position.id.hex]).encode()
        return base64.urlsafe_b64encode(self._sign(payload) + payload).decode().rstrip("=")

    def read(self, cursor: str) -> Position:
        """Return the position of `cursor`; raises InvalidInput for anything not written here."""
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except (binascii.Error, ValueError):
            raw = b""
        signature, payload = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
        if not payload or not hmac.compare_digest(signature, self._sign(payload)):
            location = "query.cursor"
            raise InvalidInput(location, "is not one that this api has given out")
        created_at, id_ = json.loads(payload)
        return Position(datetime.fromisoformat(created_at), UUID(id_))

    def _sign(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")[:SIGNATURE_BYTES]
