"""Callers: who sends a request, and what an endpoint asks of it.

    @router.get("", dependencies=[requires("profiles:read")])

A scope is `resource:verb`. Where nobody is asked who calls, everybody may do everything.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Depends, Request, params

from app.core.errors import ProblemError

# Every scope that an endpoint asks for.
SCOPES: set[str] = set()


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


ANYBODY = Caller("anonymous", SCOPES)


@dataclass(frozen=True)
class Requirement:
    """What an endpoint asks for, as a dependency of it."""

    scope: str

    async def __call__(self, request: Request) -> None:
        """Let the caller pass, or raise its refusal."""
        caller = caller_of(request)
        if self.scope not in caller.scopes:
            raise caller.refusal(self.scope)


def caller_of(request: Request) -> Caller:
    """Return who sends `request`: whoever was recognised, else anybody."""
    caller: Caller = getattr(request.state, "caller", ANYBODY)
    return caller


def requires(scope: str) -> params.Depends:
    """Return the dependency that lets only callers with `scope` pass."""
    SCOPES.add(scope)
    dependency: params.Depends = Depends(Requirement(scope))
    return dependency
