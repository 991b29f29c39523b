"""Security's settings refuse what production must not run with."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.core.logging import scrub
from app.features.security.settings import InsecureSettings, SecuritySettings, read
from app.settings import Environment, Settings

TOKENS = {"JWKS_URL": "https://issuer", "TOKEN_ISSUER": "issuer", "TOKEN_AUDIENCE": "api"}


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Settings:
    """Production, with nothing set but how tokens are recognised."""
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.delenv("AUTH_REQUIRED")
    for name, value in TOKENS.items():
        monkeypatch.setenv(name, value)
    return Settings(environment=Environment.PRODUCTION, secret_key="k3y" * 12)


def test_callers_are_asked_unless_they_must_not_be(production: Settings) -> None:
    assert read(production).auth_required


def test_production_refuses_open_doors(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWKS_URL", "http://issuer")
    with pytest.raises(InsecureSettings, match="https"):
        read(production)
    monkeypatch.setenv("AUTH_REQUIRED", "false")
    with pytest.raises(InsecureSettings, match="AUTH_REQUIRED"):
        read(production)


@pytest.mark.parametrize("missing", ["token_issuer", "token_audience"])
def test_tokens_are_never_accepted_from_anybody_or_for_anybody(missing: str) -> None:
    given = {name.lower(): value for name, value in TOKENS.items()}
    with pytest.raises(ValidationError, match="whose tokens, and for whom"):
        SecuritySettings.model_validate(given | {missing: ""})


@pytest.mark.parametrize("algorithms", [["none"], ["HS256"], ["RS256", "HS512"], []])
def test_only_signatures_of_key_pairs_are_accepted(algorithms: list[str]) -> None:
    with pytest.raises(ValidationError, match="token_algorithms"):
        SecuritySettings.model_validate({"token_algorithms": algorithms})


@pytest.mark.parametrize(
    ("line", "scrubbed"),
    [
        ("key hs_12_AbC-d_9 is known", "key *** is known"),
        ("the schema hs_settings", "the schema hs_settings"),
    ],
)
def test_a_key_is_blanked_in_any_text_of_a_log(line: str, scrubbed: str) -> None:
    assert scrub(line) == scrubbed
