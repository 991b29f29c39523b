"""Security: who calls, what they may do, and how often.

Endpoints stay as they are: what they ask for follows from their module and method (`scopes.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from starlette.middleware import Middleware

from app.features.security import clients
from app.features.security.settings import read
from app.settings import Environment, Settings

if TYPE_CHECKING:
    import dramatiq
    from fastapi import FastAPI

    from app.features.security.middleware import Gatekeeper

__all__ = ["clients", "install", "install_worker", "request_headers"]


def install(app: FastAPI) -> None:
    """Put a gate before the endpoints of the api, and say in its OpenAPI what they ask for."""
    from app.features.security import openapi  # noqa: PLC0415 - only an api pays for it
    from app.features.security.middleware import Gatekeeper, SecurityMiddleware  # noqa: PLC0415
    from app.features.security.scopes import declare_scopes  # noqa: PLC0415

    declare_scopes()
    own = read(app.state.settings)
    gate = Gatekeeper(own, app.state.settings, app.state.database)
    # Innermost: refusals are logged, correlated and measured like every other answer.
    app.user_middleware.append(Middleware(SecurityMiddleware, gate=gate))
    _open_and_close(gate, app)
    # What is written from the document, as a test, tells what production asks for.
    if own.auth_required or app.state.settings.environment is Environment.TEST:
        openapi.install(app)


def install_worker(broker: dramatiq.Broker, settings: Settings) -> None:
    """Ask nothing: nobody calls a worker."""


@contextmanager
def request_headers(settings: Settings) -> Iterator[dict[str, str]]:
    """Yield the credentials of a client that lives as long as they are needed."""
    if not read(settings).auth_required:
        yield {}
        return
    from app.features.security.ephemeral_client import temporary_client  # noqa: PLC0415
    from app.features.security.scopes import SCOPES, declare_scopes  # noqa: PLC0415 - as above

    declare_scopes()
    with temporary_client(settings.database_url, SCOPES) as key:
        yield {"Authorization": f"Bearer {key}"}


def _open_and_close(gate: Gatekeeper, app: FastAPI) -> None:
    """Open the gate before anything else starts; close it while its database still answers."""
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await gate.open()
        async with inner(app):
            try:
                yield
            finally:
                await gate.close()

    app.router.lifespan_context = lifespan
