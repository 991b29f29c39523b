"""Callers: who sends a request, and the refusals they can meet."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from math import ceil

from app.core.errors import ProblemError


class CallerKind(StrEnum):
    """How a caller has shown who it is."""

    ANONYMOUS = "anonymous"
    TOKEN = "token"  # noqa: S105 - a word, no password
    CLIENT = "client"


@dataclass(frozen=True)
class Caller:
    """Who sends a request: `subject` is unique within its kind, `id` among all callers."""

    kind: CallerKind
    subject: str
    scopes: AbstractSet[str]

    @property
    def id(self) -> str:
        """What logs, limits and stored keys call it: `client:7`, `token:ada`, `anonymous`."""
        anonymous = self.kind is CallerKind.ANONYMOUS
        return self.kind.value if anonymous else f"{self.kind.value}:{self.subject}"

    def __str__(self) -> str:
        """Return the id: that is all that a text needs of a caller."""
        return self.id


def anonymous(scopes: AbstractSet[str] = frozenset()) -> Caller:
    """Return the caller of a request that does not say who sends it."""
    return Caller(CallerKind.ANONYMOUS, "", scopes)


class Unauthenticated(ProblemError):
    """Nobody has shown who calls, or not in a way that can be believed (RFC 6750, section 3)."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, detail: str, *, error: str | None = None) -> None:
        """Say what is wrong; `error` is RFC 6750's code for credentials that were sent."""
        challenge = f'Bearer error="{error}", error_description="{detail}"' if error else "Bearer"
        super().__init__(detail)
        self.headers = {"WWW-Authenticate": challenge}


class Untrusted(Unauthenticated):
    """The credentials that were sent do not hold."""

    def __init__(self, detail: str) -> None:
        """Say what does not hold, in words without quotes: they stand in a header too."""
        super().__init__(detail, error="invalid_token")


class Forbidden(ProblemError):
    """The caller is known, and may not do this."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self, scope: str) -> None:
        """Name the scope that is missing."""
        challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
        super().__init__(f"the scope {scope} is missing")
        self.headers = {"WWW-Authenticate": challenge}


class Unavailable(ProblemError):
    """Something that is needed to answer is away."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, detail: str, *, retry_after: timedelta) -> None:
        """Say what is away, and when to try again."""
        super().__init__(detail)
        self.headers = {"Retry-After": str(ceil(retry_after.total_seconds()))}
