"""Scopes: what an endpoint asks of its caller.

    @router.get("", dependencies=[requires("profiles:read")])

A scope is `resource:verb`. It is shown in OpenAPI, and what no endpoint asks for cannot be granted.
"""

from __future__ import annotations

from typing import Any

from fastapi import Request, Security, params
from fastapi.openapi.models import HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from app.core.security.callers import Caller, CallerKind, Forbidden, Unauthenticated

# Every scope that an endpoint asks for.
KNOWN: set[str] = set()
# What a router of guarded endpoints can answer besides: `APIRouter(responses=REFUSALS)`.
REFUSALS: dict[int | str, dict[str, Any]] = {401: {}, 403: {}, 429: {}}


class _Bearer(SecurityBase):
    """The one check of every guarded endpoint, and what OpenAPI says about it."""

    model = HTTPBearer(
        description="An access token (JWT) of the issuer, or the key of a registered client."
    )
    scheme_name = "bearer"

    async def __call__(self, request: Request, needed: SecurityScopes) -> Caller:
        """Return the caller, if it has every scope; raises Unauthenticated or Forbidden."""
        caller: Caller = request.state.caller
        for scope in needed.scopes:
            if scope not in caller.scopes:
                if caller.kind is CallerKind.ANONYMOUS:
                    message = "this needs an access token or the key of a registered client"
                    raise Unauthenticated(message)
                raise Forbidden(scope)
        return caller


_BEARER = _Bearer()


def requires(scope: str) -> params.Security:
    """Return the dependency that lets only callers with `scope` pass."""
    KNOWN.add(scope)
    dependency: params.Security = Security(_BEARER, scopes=[scope])
    return dependency
