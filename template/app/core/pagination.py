"""Pages of a list: by cursor for walking through it, by number for jumping into it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.core.errors import InvalidInput

T = TypeVar("T")
Asked = dict[str, str]

LARGEST_PAGE = 100
# Numbered pages cost what lies before them, so they end here; cursors do not.
DEEPEST_ROW = 10_000
SIGNATURE_BYTES = 12
# Sort, filters and the last item's value, each of up to 100 letters of any script.
LONGEST_CURSOR = 2000
PAGING = {"limit", "cursor", "page", "total"}


class PageQuery(BaseModel):
    """Which page of a list: the first, the one at `cursor`, or number `page`.

    A resource's own query adds its filters, all of them text, and narrows `sort`.
    """

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=20, ge=1, le=LARGEST_PAGE, description="How many items at most.")
    cursor: str | None = Field(
        default=None,
        max_length=LONGEST_CURSOR,
        description="`next` of the page before; it remembers sort and filters.",
    )
    page: int | None = Field(default=None, ge=1, description="Counted from 1; adds `total`.")
    total: bool = Field(default=False, description="Whether to count the items in all.")
    sort: str

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

    @property
    def is_counted(self) -> bool:
        """Whether the answer says how many items there are."""
        return self.total or self.page is not None

    def asked(self) -> Asked:
        """Return the sort and the filters."""
        return self.model_dump(exclude=PAGING, exclude_none=True)

    def given(self) -> Asked:
        """Return the sort and the filters as far as the client has given them."""
        return self.model_dump(exclude=PAGING, exclude_unset=True)


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = Field(default=None, description="The cursor of the next page.")
    total: int | None = Field(default=None, description="Items in all, where it was asked for.")
    total_is_exact: bool | None = Field(
        default=None, description=f"False when there are more; counting ends at {DEEPEST_ROW}."
    )


@dataclass(frozen=True)
class Position:
    """A place in a list: what the list was asked for, and the item that was the last so far."""

    asked: Asked
    value: datetime | str | int
    id: UUID


class Cursors:
    """Writes positions as opaque, signed text, and reads back only what it wrote."""

    def __init__(self, secret: str) -> None:
        """Sign with `secret`; cursors of another secret are refused."""
        self._key = hashlib.sha256(b"cursor:" + secret.encode()).digest()

    def write(self, position: Position) -> str:
        """Return the cursor of `position`."""
        value, is_time = position.value, False
        if isinstance(value, datetime):
            value, is_time = value.isoformat(), True
        fields = [position.asked, value, is_time, position.id.hex]
        payload = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
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
        asked, value, is_time, id_ = json.loads(payload)
        return Position(asked, datetime.fromisoformat(value) if is_time else value, UUID(id_))

    def _sign(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")[:SIGNATURE_BYTES]
