"""The settings of statistics, and the days that they count by."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.business_days import business_zone
from app.features import read_settings
from app.settings import Settings


class StatisticsSettings(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    # How often each process that runs jobs looks whether something is to be rolled up.
    statistics_look: timedelta = Field(default=timedelta(minutes=5), gt=timedelta(0))
    # A day with more combinations of dimensions is not kept, and always counted anew.
    statistics_largest_day: int = Field(default=10_000, gt=0)


_read: list[tuple[StatisticsSettings, ZoneInfo]] = []


def configure(settings: Settings) -> None:
    """Go by these settings from now on."""
    _read[:] = [(read_settings(StatisticsSettings, settings), business_zone(settings))]


def own() -> StatisticsSettings:
    return _configured()[0]


def zone() -> ZoneInfo:
    return _configured()[1]


def _configured() -> tuple[StatisticsSettings, ZoneInfo]:
    if not _read:
        configure(Settings())
    return _read[0]
