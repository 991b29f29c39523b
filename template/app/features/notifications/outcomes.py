"""What becomes of a message that is handed to a server or a provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Accepted:
    """The other side has it, and may have given it an id of its own."""

    provider_id: str | None = None
    detail: str = ""


@dataclass(frozen=True)
class Refused:
    """It will never be taken as it is."""

    detail: str


@dataclass(frozen=True)
class Postponed:
    """It was not taken now, for certain; later it may be. `pause`: what the other side asks for."""

    detail: str
    pause: timedelta | None = None


@dataclass(frozen=True)
class Uncertain:
    """Whether it was taken cannot be known."""

    detail: str


Outcome = Accepted | Refused | Postponed | Uncertain


class Unreachable(Exception):
    """Nothing can be sent now, whatever it is: no server, no connection, no access."""
