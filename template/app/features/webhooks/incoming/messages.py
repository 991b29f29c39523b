"""A message as its sender wrote it, before anybody knows what it asks for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from math import ceil
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from app.core.errors import ProblemError

RETRY_AFTER = timedelta(seconds=10)
# What a sender changes when it sends the same message again.
OF_AN_ATTEMPT = frozenset({"iat", "nbf", "exp"})


class NotNow(ProblemError):
    """It is worth sending it again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, detail: str, retry_after: timedelta = RETRY_AFTER) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(max(1, ceil(retry_after.total_seconds())))}


class Head(BaseModel):
    """What every message has. Standard Webhooks calls its action a type."""

    model_config = ConfigDict(hide_input_in_errors=True)

    action: str = Field(pattern=r"^[A-Za-z0-9_.:-]{1,100}$")


_CONTENT = TypeAdapter(dict[str, JsonValue], config=ConfigDict(hide_input_in_errors=True))


@dataclass(frozen=True)
class Message:
    """A message that is certainly its sender's: `id` is the sender's, and stays when it repeats."""

    id: str
    action: str
    content: Mapping[str, JsonValue]

    @classmethod
    def read(cls, message_id: str, payload: bytes) -> Self:
        """Read what was signed; raises ValidationError."""
        content = _CONTENT.validate_json(payload)
        if "action" not in content and "type" in content:
            content["action"] = content.pop("type")
        return cls(message_id, Head.model_validate(content).action, content)

    @property
    def written(self) -> bytes:
        return json.dumps(self.content, sort_keys=True).encode()

    @property
    def fingerprint(self) -> str:
        """What it says, however often it is sent."""
        lasting = {k: v for k, v in self.content.items() if k not in OF_AN_ATTEMPT}
        return hashlib.sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest()
