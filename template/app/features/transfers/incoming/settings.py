"""How much a file may have that is imported, and in which steps it is written."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.features import read_settings
from app.settings import Settings


class ImportSettings(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    # The longest file that is taken, and what one part of a workbook may be when it is unpacked.
    transfers_most_bytes: int = Field(default=256 * 1024 * 1024, gt=0)
    transfers_most_unpacked: int = Field(default=1024 * 1024 * 1024, gt=0)
    transfers_most_rows: int = Field(default=2_000_000, gt=0)
    # How many rows are checked at a time, and written in one transaction where each counts.
    transfers_batch: int = Field(default=1000, gt=0, le=10_000)


_read: list[ImportSettings] = []


def configure(of_process: Settings) -> None:
    """Go by these settings from now on."""
    _read[:] = [read_settings(ImportSettings, of_process)]


def own() -> ImportSettings:
    if not _read:
        configure(Settings())
    return _read[0]
