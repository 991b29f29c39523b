"""The settings of security."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.features import read_settings
from app.settings import Environment, Settings, UnusableSettings

# Signatures that a public key verifies; `none` and MACs are no choice.
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"
]


class SecuritySettings(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    # Whether callers must say who they are. Without it, everybody may do everything.
    auth_required: bool = True
    # Whose access tokens are accepted: the address of the issuer's keys, its name, and ours.
    jwks_url: str | None = None
    token_issuer: str | None = None
    token_audience: str | None = None
    token_algorithms: tuple[Algorithm, ...] = Field(default=("RS256", "ES256"), min_length=1)
    # How long the issuer's keys are believed while it is away.
    jwks_keep: timedelta = timedelta(hours=1)
    # How long what is known of a registered client is believed: it is revoked after that at last.
    client_trust: timedelta = timedelta(seconds=10)
    # How many requests one caller may send, in bursts too; 0 counts nothing.
    rate_limit_per_minute: int = Field(default=6000, ge=0)

    @model_validator(mode="after")
    def _refuse_tokens_of_anybody(self) -> Self:
        if self.jwks_url and not (self.token_issuer and self.token_audience):
            message = "JWKS_URL needs TOKEN_ISSUER and TOKEN_AUDIENCE: whose tokens, and for whom"
            raise ValueError(message)
        return self


class InsecureSettings(UnusableSettings):
    """The settings would let anybody in, which production must not."""


def read(settings: Settings) -> SecuritySettings:
    """Read what belongs to `settings`; raises InsecureSettings in production."""
    own = read_settings(SecuritySettings, settings)
    if settings.environment is not Environment.PRODUCTION:
        return own
    if not own.auth_required:
        raise InsecureSettings("AUTH_REQUIRED must be true in production")
    if own.jwks_url and not own.jwks_url.startswith("https://"):
        message = "JWKS_URL must be https in production: who can change the keys can be anybody"
        raise InsecureSettings(message)
    return own
