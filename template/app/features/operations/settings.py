"""The settings of operations."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class OperationsSettings(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    # Where the worker answers /livez and /readyz; no port, no answer.
    worker_health_port: int | None = Field(default=None, ge=0, le=65535)
