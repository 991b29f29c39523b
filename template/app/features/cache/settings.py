"""The settings of the cache."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class CacheSettings(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    # How much is kept in the process, where there is no Redis.
    cache_entries: int = Field(default=10_000, gt=0)
    # A Redis that does not answer by then is taken for dead, and asked again after the pause.
    cache_timeout: timedelta = timedelta(milliseconds=250)
    cache_pause: timedelta = timedelta(seconds=5)
