"""Where the business is, whose days are counted."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.settings import Environment, Settings


class BusinessSettings(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    # A day begins and ends as the clocks there say: Asia/Taipei.
    business_time_zone: str = "UTC"

    @field_validator("business_time_zone")
    @classmethod
    def _require_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{value!r} is no time zone such as Asia/Taipei") from None
        return value


def business_zone(settings: Settings) -> ZoneInfo:
    """Return the time zone of the business, from where `settings` came from."""
    in_test = settings.environment is Environment.TEST
    own = BusinessSettings(_env_file=None if in_test else ".env")
    return ZoneInfo(own.business_time_zone)
