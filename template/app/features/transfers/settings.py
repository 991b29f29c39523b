"""Where files are kept and for how long, and how CSV is written."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.features import read_settings
from app.settings import Settings

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}


class TransferSettings(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    # Where files are made, and kept unless there is a bucket: api and worker must share it then.
    transfers_folder: Path = Path("var/transfers")
    # A bucket to keep files in; credentials come from wherever botocore finds them.
    transfers_s3_bucket: str | None = None
    transfers_s3_prefix: str = Field(default="", pattern=r"^([\w.-]+/)*$")
    transfers_s3_region: str | None = None
    # A server that is not Amazon's.
    transfers_s3_endpoint: str | None = None
    # How long a file can be fetched, and for how long one can see that there was one.
    transfers_keep: timedelta = Field(default=timedelta(days=7), gt=timedelta(0))
    transfers_remember: timedelta = Field(default=timedelta(days=90), gt=timedelta(0))
    transfers_cleaning: timedelta = Field(default=timedelta(minutes=10), gt=timedelta(0))
    # Without the mark Excel takes UTF-8 for the code page of the machine, as in Chinese and Korean.
    transfers_csv_bom: bool = True
    transfers_csv_delimiter: Literal["comma", "semicolon", "tab"] = "comma"

    @property
    def delimiter(self) -> str:
        return DELIMITERS[self.transfers_csv_delimiter]


_read: list[tuple[Settings, TransferSettings]] = []


def configure(of_process: Settings) -> None:
    """Go by these settings from now on."""
    _read[:] = [(of_process, read_settings(TransferSettings, of_process))]


def own() -> TransferSettings:
    return _configured()[1]


def database_url() -> str:
    """Return the database whose moments are exported."""
    return _configured()[0].database_url


def _configured() -> tuple[Settings, TransferSettings]:
    if not _read:
        configure(Settings())
    return _read[0]
