"""Callers, and the refusals they can meet."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from math import ceil

from app.core.errors import ProblemError


class Unauthenticated(ProblemError):
    """Nobody has shown who calls, or not in a way that can be believed (RFC 6750, section 3)."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, detail: str, *, error: str | None = None) -> None:
        challenge = f'Bearer error="{error}", error_description="{detail}"' if error else "Bearer"
        super().__init__(detail)
        self.headers = {"WWW-Authenticate": challenge}


class Untrusted(Unauthenticated):
    """The credentials that were sent do not hold."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, error="invalid_token")


class Unavailable(ProblemError):
    """Something that is needed to answer is away."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, detail: str, *, retry_after: timedelta) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(ceil(retry_after.total_seconds()))}


class Forbidden(ProblemError):
    """The caller may not do this."""

    status = HTTPStatus.FORBIDDEN


@dataclass(frozen=True)
class Caller:
    """Who sends a request: `id` is what logs and stored keys call it."""

    id: str
    scopes: AbstractSet[str]

    def refusal(self, scope: str) -> ProblemError:
        """Return what this caller is answered where it lacks `scope`."""
        return Forbidden(f"the scope {scope} is missing")


@dataclass(frozen=True)
class Authenticated(Caller):
    """A caller who has shown who it is: `token:ada` or `client:7`."""

    def refusal(self, scope: str) -> ProblemError:
        """Return a 403 that names the scope to programs too."""
        refused = super().refusal(scope)
        challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
        refused.headers = {"WWW-Authenticate": challenge}
        return refused


@dataclass(frozen=True)
class Anonymous(Caller):
    """A caller who has not said who it is."""

    def refusal(self, scope: str) -> ProblemError:  # noqa: ARG002 - whichever it is
        """Return a 401: to whoever says who it is, the answer may be another."""
        return Unauthenticated("this needs an access token or the key of a registered client")


STRANGER = Anonymous("anonymous", frozenset())
