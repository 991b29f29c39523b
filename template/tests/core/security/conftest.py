"""What tests of security stand on: an issuer, and an api that asks who calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from app.core.database import Database
from app.core.security import clients
from app.core.security.clients import Registration
from app.core.security.jwks import Jwks, Patience
from app.core.security.keys import ClientKey
from app.core.security.tokens import Tokens
from app.settings import Settings
from tests.issuer import AUDIENCE, NAME, Issuer, serving


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="session")
def one_issuer() -> Iterator[Issuer]:
    with serving() as issuer:
        yield issuer


@pytest.fixture
def issuer(one_issuer: Issuer) -> Issuer:
    """An issuer that publishes one key."""
    one_issuer.published, one_issuer.down, one_issuer.fetches = ["rsa"], False, 0
    return one_issuer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def jwks(issuer: Issuer, clock: Clock) -> AsyncIterator[Jwks]:
    jwks = Jwks(issuer.url, Patience(), clock=clock)
    yield jwks
    await jwks.close()


@pytest.fixture
def tokens(jwks: Jwks) -> Tokens:
    return Tokens(jwks, issuer=NAME, audience=AUDIENCE, algorithms=["RS256", "ES256"])


@pytest.fixture
def settings(settings: Settings, issuer: Issuer) -> Settings:
    """Settings of an api that asks who calls."""
    return settings.model_copy(
        update={
            "auth_required": True,
            "jwks_url": issuer.url,
            "token_issuer": NAME,
            "token_audience": AUDIENCE,
        }
    )


async def register(database: Database, *scopes: str, name: str = "billing") -> ClientKey:
    async with database.writes() as session:
        return await clients.register(session, Registration(name, scopes))
