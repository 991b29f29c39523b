"""Settings: what differs between the places this code runs in, from the environment and `.env`."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SHIPPED_SECRET = "change-me"  # noqa: S105 - the placeholder of `.env.example`, refused in production
SHORTEST_SECRET = 32

# Signatures that a public key verifies; `none` and MACs are no choice.
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"
]


class Environment(StrEnum):
    """Where the process runs; only `production` refuses what is merely convenient."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class Settings(BaseSettings):
    """One value per environment variable of the same name in capitals. Immutable."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    environment: Environment = Environment.DEVELOPMENT
    secret_key: SecretStr = SecretStr(SHIPPED_SECRET)
    database_url: str = "sqlite:///var/app.db"
    redis_url: str | None = None

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"

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

    max_upload_bytes: int = Field(default=5 * 1024 * 1024, gt=0)

    # How many jobs one process runs at a time.
    job_concurrency: int = Field(default=8, gt=0)
    # How often the outbox is swept for jobs that are due, besides right after a commit.
    job_poll: timedelta = timedelta(seconds=1)
    # A running job renews its lease; when the lease runs out, its process is taken for dead.
    job_lease: timedelta = timedelta(seconds=30)
    # A job that was sent to a worker and not begun after this time is sent again.
    job_resend: timedelta = timedelta(seconds=60)

    @model_validator(mode="after")
    def _refuse_shipped_secret(self) -> Self:
        secret = self.secret_key.get_secret_value()
        if self.environment is Environment.PRODUCTION and len(secret) < SHORTEST_SECRET:
            message = f"SECRET_KEY must be a secret of {SHORTEST_SECRET} characters in production"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _refuse_open_doors(self) -> Self:
        if self.jwks_url and not (self.token_issuer and self.token_audience):
            message = "JWKS_URL needs TOKEN_ISSUER and TOKEN_AUDIENCE: whose tokens, and for whom"
            raise ValueError(message)
        if self.environment is not Environment.PRODUCTION:
            return self
        if not self.auth_required:
            message = "AUTH_REQUIRED must be true in production"
            raise ValueError(message)
        if self.jwks_url and not self.jwks_url.startswith("https://"):
            message = "JWKS_URL must be https in production: who can change the keys can be anybody"
            raise ValueError(message)
        return self
