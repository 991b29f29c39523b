"""The settings of webhooks that are sent."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.features import read_settings
from app.settings import Settings

LONGEST = timedelta(days=3650)


class OutgoingSettings(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    # How long a receiver may take to answer, from its name to the end of what it says.
    webhooks_timeout: timedelta = Field(
        default=timedelta(seconds=15), gt=timedelta(0), le=timedelta(minutes=1)
    )
    # How many deliveries are on their way to one endpoint at once.
    webhooks_at_once: int = Field(default=5, ge=1, le=50)
    # An endpoint that has taken nothing for so long is disabled.
    webhooks_disable_after: timedelta = Field(
        default=timedelta(days=5), ge=timedelta(hours=1), le=LONGEST
    )
    # How long replaced secrets still sign, beside the one that replaces them.
    webhooks_overlap: timedelta = Field(
        default=timedelta(days=1), ge=timedelta(0), le=timedelta(days=90)
    )
    # How long deliveries are listed and can be replayed: longer than the last is tried.
    webhooks_log_keep: timedelta = Field(
        default=timedelta(days=30), ge=timedelta(days=7), le=LONGEST
    )


def read(settings: Settings) -> OutgoingSettings:
    return read_settings(OutgoingSettings, settings)
