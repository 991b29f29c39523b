"""Settings refuse what production must not run with."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.settings import SHIPPED_SECRET, Environment, Settings


def production(**given: Any) -> Settings:
    settings = {"environment": Environment.PRODUCTION, "secret_key": "k3y" * 12} | given
    return Settings(_env_file=None, **settings)


@pytest.mark.parametrize("secret", [SHIPPED_SECRET, "short", ""])
def test_production_refuses_a_shipped_or_short_secret(secret: str) -> None:
    with pytest.raises(ValidationError, match="SECRET_KEY"):
        Settings(_env_file=None, environment=Environment.PRODUCTION, secret_key=secret)


def test_production_accepts_a_real_secret() -> None:
    assert production().environment is Environment.PRODUCTION


def test_production_refuses_open_doors() -> None:
    with pytest.raises(ValidationError, match="AUTH_REQUIRED"):
        production(auth_required=False)
    with pytest.raises(ValidationError, match="https"):
        production(jwks_url="http://issuer", token_issuer="issuer", token_audience="api")
    assert production(jwks_url="https://issuer", token_issuer="issuer", token_audience="api")


@pytest.mark.parametrize("missing", ["token_issuer", "token_audience"])
def test_tokens_are_never_accepted_from_anybody_or_for_anybody(missing: str) -> None:
    given = {"jwks_url": "https://issuer", "token_issuer": "issuer", "token_audience": "api"}
    with pytest.raises(ValidationError, match="whose tokens, and for whom"):
        Settings.model_validate(given | {missing: ""})


@pytest.mark.parametrize("algorithms", [["none"], ["HS256"], ["RS256", "HS512"], []])
def test_only_signatures_of_key_pairs_are_accepted(algorithms: list[str]) -> None:
    with pytest.raises(ValidationError, match="token_algorithms"):
        Settings.model_validate({"token_algorithms": algorithms})


def test_the_secret_is_not_shown() -> None:
    assert "k3y" not in repr(Settings(_env_file=None, secret_key="k3y" * 12))


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "")
    assert Settings(_env_file=None).redis_url is None
