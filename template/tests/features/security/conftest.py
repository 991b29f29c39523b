"""What tests of security stand on: an issuer, and an api that asks who calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from app.core.database import Database
from app.core.jwks import Jwks, Patience
from app.features.security import clients
from app.features.security.clients import Registration
from app.features.security.keys import ClientKey
from app.features.security.tokens import Tokens
from app.settings import Settings
from tests.features.security.issuer import AUDIENCE, NAME, Issuer, serving


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
def settings(settings: Settings, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an api that asks who calls."""
    monkeypatch.setenv("AUTH_REQUIRED", "true")
    monkeypatch.setenv("JWKS_URL", issuer.url)
    monkeypatch.setenv("TOKEN_ISSUER", NAME)
    monkeypatch.setenv("TOKEN_AUDIENCE", AUDIENCE)
    return settings


async def register(database: Database, *scopes: str, name: str = "billing") -> ClientKey:
    async with database.writes() as session:
        return await clients.register(session, Registration(name, scopes))
