"""Scopes: what an endpoint asks of its caller, in words like `profiles:read`.

An endpoint of a module asks for `MODULE:read` where it only reads, otherwise for `MODULE:write`.
One that asks for something else says so itself:

    @router.get("/export", dependencies=[requires("profiles:export")])
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import Depends, Request, params
from fastapi.routing import APIRoute, RouteContext

from app import modules
from app.core.endpoints import endpoints_of
from app.features.security.callers import Caller

# Every scope that an endpoint asks for.
SCOPES: set[str] = set()
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
    caller: Caller = getattr(request.state, "recognized", ANYBODY)
    return caller


def requires(scope: str) -> params.Depends:
    """Return the dependency that lets only callers with `scope` pass."""
    SCOPES.add(scope)
    dependency: params.Depends = Depends(Requirement(scope))
    return dependency


def declare_scopes() -> None:
    """Let the modules' endpoints ask for a scope each; to be called before the api serves them."""
    for listed, router in modules.routers():
        for route, included_with in endpoints_of(router):
            asked = (*route.dependencies, *included_with)
            if not any(isinstance(each.dependency, Requirement) for each in asked):
                verb = "read" if route.methods == {"GET"} else "write"
                route.dependencies.append(requires(f"{listed.rpartition('.')[2]}:{verb}"))


def scopes_of(route: APIRoute | RouteContext) -> Iterator[str]:
    """Yield the scopes that an endpoint asks for."""
    for dependency in getattr(route, "dependencies", ()):
        if isinstance(dependency.dependency, Requirement):
            yield dependency.dependency.scope
