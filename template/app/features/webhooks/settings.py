"""Where requests may go whose addresses others have given us."""

from __future__ import annotations

from pydantic import field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.features import read_settings
from app.features.webhooks.public_addresses import Rules
from app.settings import Environment, Settings


class PublicHttpSettings(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    # Where requests may go besides the public internet, unencrypted too: names of hosts, addresses
    # and networks, by commas, as in "receiver.internal, 10.1.0.0/16".
    webhooks_allowed_hosts: str = ""

    @field_validator("webhooks_allowed_hosts")
    @classmethod
    def _require_networks(cls, value: str) -> str:
        Rules.read(value)
        return value


def rules(settings: Settings) -> Rules:
    own = read_settings(PublicHttpSettings, settings)
    http = settings.environment is not Environment.PRODUCTION
    return Rules.read(own.webhooks_allowed_hosts, http=http)
