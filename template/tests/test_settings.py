"""Settings refuse what production must not run with."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.settings import SHIPPED_SECRET, Environment, Settings


@pytest.mark.parametrize("secret", [SHIPPED_SECRET, "short", ""])
def test_production_refuses_a_shipped_or_short_secret(secret: str) -> None:
    with pytest.raises(ValidationError, match="SECRET_KEY"):
        Settings(_env_file=None, environment=Environment.PRODUCTION, secret_key=secret)


def test_production_accepts_a_real_secret() -> None:
    settings = Settings(_env_file=None, environment=Environment.PRODUCTION, secret_key="k3y" * 12)
    assert settings.environment is Environment.PRODUCTION


def test_the_secret_is_not_shown() -> None:
    assert "k3y" not in repr(Settings(_env_file=None, secret_key="k3y" * 12))


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "")
    assert Settings(_env_file=None).redis_url is None
