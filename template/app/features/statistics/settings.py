"""When days are counted, how long an answer is kept, and where the business is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.business_days import business_zone, day_of
from app.features import read_settings
from app.settings import Settings


class StatisticsSettings(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    # How often each process that runs jobs looks whether there is something to count.
    statistics_look: timedelta = timedelta(minutes=5)
    # How old an answer of the api may be where there is a cache to keep it in; zero for never.
    statistics_keep: timedelta = timedelta(seconds=5)


_read: list[tuple[StatisticsSettings, ZoneInfo]] = []


def configure(of_process: Settings) -> None:
    """Go by these settings from now on."""
    _read[:] = [(read_settings(StatisticsSettings, of_process), business_zone(of_process))]


def own() -> StatisticsSettings:
    return _configured()[0]


def zone() -> ZoneInfo:
    """Return the time zone whose days are counted."""
    return _configured()[1]


def today() -> date:
    """Return the day that is not over yet."""
    return day_of(datetime.now(UTC), zone())


def _configured() -> tuple[StatisticsSettings, ZoneInfo]:
    if not _read:
        configure(Settings())
    return _read[0]
