"""Who may send webhooks, and what is accepted of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, SecretStr, TypeAdapter
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.features import read_settings
from app.features.webhooks.signatures import Secret
from app.settings import Environment, Settings, UnusableSettings

# Signatures that a public key verifies; `none` and MACs are no choice.
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"
]


def _is_secret(value: SecretStr) -> SecretStr:
    Secret.read(value.get_secret_value())
    return value


def _is_url(value: str) -> str:
    TypeAdapter(HttpUrl).validate_python(value)
    return value


class JwsSource(BaseModel):
    """Signs with a private key, of which its JWKS has the public one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["jws"]
    jwks: Annotated[str, AfterValidator(_is_url)]
    algorithms: tuple[Algorithm, ...] = Field(
        default=("Ed25519", "ES256", "PS256", "RS256"), min_length=1
    )
    # Whom it writes to, as it calls us: a message to another of its receivers is not for us.
    audience: str = Field(min_length=1)
    issuer: str | None = None
    # A file with our private keys, as a JWK set: then it must encrypt what it sends.
    decryption_keys: Path | None = None
    # Whose actions it may ask for: a module of the domain, where more than one has some.
    module: str | None = None


class StandardSource(BaseModel):
    """Signs as Standard Webhooks has it, with a secret that it shares with us."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["standard"]
    # Several while one replaces another.
    secrets: tuple[Annotated[SecretStr, AfterValidator(_is_secret)], ...] = Field(min_length=1)
    module: str | None = None


Source = Annotated[JwsSource | StandardSource, Field(discriminator="kind")]
SourceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]


class IncomingSettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    # By the name in the path, as JSON: {"hr": {"kind": "jws", "jwks": …, "audience": …}}.
    webhooks_sources: dict[SourceName, Source] = {}
    # The longest message. Standard Webhooks advises senders to stay below 20 kB.
    webhooks_max_bytes: int = Field(default=64 * 1024, gt=0)
    # How far the time of a signature may be from now; who repeats a message signs it again.
    webhooks_window: timedelta = Field(default=timedelta(minutes=5), gt=timedelta(0))
    # How long a message is known again: longer than any sender repeats one.
    webhooks_keep: timedelta = Field(default=timedelta(days=30), ge=timedelta(days=1))
    webhooks_cleaning: timedelta = timedelta(minutes=10)
    # How long the keys of a source are believed while it is away, and how long it is left alone
    # after it was asked for them, whatever unknown keys are named meanwhile.
    webhooks_keys_keep: timedelta = timedelta(hours=1)
    webhooks_keys_pause: timedelta = timedelta(seconds=10)
    # The largest file that is fetched because a message names it, and how long that may take.
    webhooks_fetch_max_bytes: int = Field(default=5 * 1024 * 1024, gt=0)
    webhooks_fetch_timeout: timedelta = Field(
        default=timedelta(seconds=15), gt=timedelta(0), le=timedelta(minutes=1)
    )


class InsecureSource(UnusableSettings):
    """Anybody could send in the name of a source, which production must not allow."""


def read(settings: Settings) -> IncomingSettings:
    """Read what belongs to `settings`; raises InsecureSource in production."""
    own = read_settings(IncomingSettings, settings)
    if settings.environment is Environment.PRODUCTION:
        for name, source in own.webhooks_sources.items():
            if isinstance(source, JwsSource) and not source.jwks.startswith("https://"):
                message = f"the jwks of {name} in WEBHOOKS_SOURCES must be https in production"
                raise InsecureSource(f"{message}: who can change the keys can be anybody")
    return own
