"""The gate: what every request passes before anything is done for it.

It says who calls (`caller_of(request)`, and `caller` in every log line) and how often it may.
What a caller may do is each endpoint's own affair (`scopes.py`).
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_network
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from app.core.database import Database
from app.core.engines import DatabaseUnavailable
from app.core.errors import ProblemError, answer
from app.core.middleware import QUIET, RequestMiddleware
from app.features.security import clients
from app.features.security.authentication import Recognition
from app.features.security.callers import STRANGER, Authenticated, Caller, Untrusted
from app.features.security.keys import MARK
from app.features.security.limits import Limits, LocalLimits, Rate, Spent
from app.features.security.scopes import ANYBODY
from app.features.security.settings import SecuritySettings
from app.settings import Environment, Settings

if TYPE_CHECKING:
    from app.features.security.tokens import Tokens

logger = structlog.get_logger(__name__)


class NobodyCanCall(RuntimeError):
    """Every request would be refused."""


class Gatekeeper:
    """Admits requests: knows callers by their credentials, and counts their requests."""

    def __init__(self, own: SecuritySettings, settings: Settings, database: Database) -> None:
        self._asks = own.auth_required
        self._production = settings.environment is Environment.PRODUCTION
        self._database = database
        self._tokens = _tokens(own) if own.auth_required else None
        self._clients = Recognition(database, trust=own.client_trust)
        self._limits = _limits(own.rate_limit_per_minute, settings.redis_url)

    async def open(self) -> None:
        """Raise NobodyCanCall in production where no token and no client could ever pass."""
        if not self._asks or self._tokens is not None:
            return
        try:
            usable = await clients.any_usable(self._database.reads)
        except (SQLAlchemyError, OSError):
            logger.warning("gate.clients_unknown", exc_info=True)
            return
        if not usable:
            message = "nobody can call: set JWKS_URL, or `python -m app clients register` a client"
            if self._production:
                raise NobodyCanCall(message)
            logger.warning(message)

    async def close(self) -> None:
        await self._clients.close()
        if self._tokens is not None:
            await self._tokens.close()
        if self._limits is not None:
            await self._limits.close()

    async def admit(self, request: Request) -> tuple[Caller, Spent | None]:
        """Return the caller and how its bucket stands; raises what it is refused with."""
        try:
            caller = await self._identify(request.headers.get("Authorization"))
        except Untrusted:
            # Guesses are counted where they come from: nobody else can be asked.
            await self._spend(_address(request))
            raise
        known = isinstance(caller, Authenticated)
        return caller, await self._spend(caller.id if known else _address(request))

    async def _identify(self, authorization: str | None) -> Caller:
        if not self._asks:
            return ANYBODY
        if authorization is None:
            return STRANGER
        scheme, _, credentials = authorization.partition(" ")
        credentials = credentials.strip()
        if scheme.lower() != "bearer":
            raise Untrusted("credentials are sent as a Bearer token")
        if credentials.startswith(MARK):
            return await self._clients.caller_of(credentials)
        if self._tokens is None:
            message = "access tokens are not accepted here, only the keys of registered clients"
            raise Untrusted(message)
        return await self._tokens.caller_of(credentials)

    async def _spend(self, who: str) -> Spent | None:
        return await self._limits.spend(who) if self._limits is not None else None


class SecurityMiddleware(RequestMiddleware):
    """Lets in whom the gate admits; the health endpoints stand outside."""

    def __init__(self, app: ASGIApp, gate: Gatekeeper) -> None:
        super().__init__(app)
        self._gate = gate

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in QUIET:
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        try:
            caller, spent = await self._gate.admit(request)
        except (ProblemError, DatabaseUnavailable) as error:
            await answer(request, error)(scope, receive, send)
            return
        if caller is not ANYBODY:
            request.state.recognized, request.state.caller = caller, caller.id
            bind_contextvars(caller=caller.id)
        await self.app(scope, receive, send if spent is None else _telling(spent, send))


def _telling(spent: Spent, send: Send) -> Send:
    """Return a `send` whose answers tell how the caller's bucket stands."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(spent.headers)
        await send(message)

    return send_with_headers


def _tokens(settings: SecuritySettings) -> Tokens | None:
    if not (settings.jwks_url and settings.token_issuer and settings.token_audience):
        return None
    # Only who has an issuer pays for the cryptography.
    from app.core.jwks import Jwks, Patience  # noqa: PLC0415
    from app.features.security.tokens import Tokens  # noqa: PLC0415

    return Tokens(
        Jwks(settings.jwks_url, Patience(keep=settings.jwks_keep)),
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        algorithms=settings.token_algorithms,
    )


def _limits(per_minute: int, redis_url: str | None) -> Limits | None:
    if not per_minute:
        return None
    rate = Rate(per_minute)
    if redis_url is None:
        return LocalLimits(rate)
    # Only who has Redis pays for it.
    from app.features.security.shared_limits import SharedLimits  # noqa: PLC0415

    return SharedLimits(redis_url, rate)


def _address(request: Request) -> str:
    """Return the bucket of whoever has not said who it is.

    Behind a proxy, uvicorn's FORWARDED_ALLOW_IPS must name it; otherwise all are the proxy. One
    household or server has a whole /64 of IPv6, so that is what counts as one address.
    """
    host = request.client.host if request.client is not None else "unknown"
    if ":" in host:
        try:
            host = str(ip_network((IPv6Address(host.partition("%")[0]), 64), strict=False))
        except ValueError:
            return f"address:{host}"
    return f"address:{host}"
