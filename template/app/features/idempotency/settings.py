"""The settings of idempotency."""

from __future__ import annotations

from datetime import timedelta

from pydantic_settings import BaseSettings, SettingsConfigDict


class IdempotencySettings(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    # How long a creation can be repeated with its Idempotency-Key, and how often older ones go.
    idempotency_lifetime: timedelta = timedelta(hours=24)
    idempotency_cleaning: timedelta = timedelta(minutes=10)
