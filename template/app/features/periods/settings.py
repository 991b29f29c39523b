"""Where dumps are kept, and which jobs nobody waits for."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class PeriodsSettings(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    # A folder for each dump is made in it; copy it to where nobody changes it.
    periods_folder: Path = Path("var/periods")
    # Actors whose jobs may wait while a period is closed, as they write nothing of it (JSON).
    periods_harmless_jobs: list[str] = Field(default_factory=list)
