"""The settings of notifications."""

from __future__ import annotations

import re
from datetime import timedelta
from email.utils import parseaddr
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.features import read_settings
from app.features.notifications.quiet_hours import QuietHours
from app.settings import Settings

# The mail server knows what is right; this is what cannot be.
ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


class Encryption(StrEnum):
    """How the connection to the mail server is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class Unknown(StrEnum):
    """What becomes of a message of which nobody knows whether the server has taken it."""

    HOLD = "hold"
    REPEAT = "repeat"


class Provider(StrEnum):
    """Who sends text messages; `console` writes them into the log."""

    CONSOLE = "console"
    SNS = "sns"
    HTTP = "http"


class NotificationSettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    # Without a server, mail is written into files of `mail_folder`, for those who develop.
    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_encryption: Encryption = Encryption.STARTTLS
    smtp_username: str | None = None
    smtp_password: SecretStr = SecretStr("")
    smtp_timeout: timedelta = timedelta(seconds=30)
    mail_folder: str = "var/mail"
    mail_from: str = "no-reply@localhost"

    sms_provider: Provider = Provider.CONSOLE
    sms_sender: str | None = None
    # Where text messages of no E.164 form are to: "TW" reads 0912 345 678 as +886912345678.
    sms_region: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    sms_url: str | None = None
    # The form that SMS_URL is sent, as JSON: {to}, {text}, {sender} and {id} are filled in.
    sms_form: dict[str, str] = {"To": "{to}", "From": "{sender}", "Body": "{text}"}
    sms_username: str | None = None
    sms_password: SecretStr = SecretStr("")
    # What the provider's answer calls the message: the name of a field of its JSON.
    sms_id_field: str = "sid"
    sms_timeout: timedelta = timedelta(seconds=15)

    notifications_if_unknown: Unknown = Unknown.HOLD
    # "21:00-08:00": text messages that are not urgent wait until it is over.
    quiet_hours: QuietHours | None = None
    quiet_hours_zone: str = "UTC"
    # What a provider must send as X-Callback-Token; without it nobody may say what became of one.
    notifications_callback_token: SecretStr | None = Field(default=None, min_length=16)

    @field_validator("mail_from")
    @classmethod
    def _require_address(cls, value: str) -> str:
        if not ADDRESS.fullmatch(parseaddr(value)[1]):
            raise ValueError("a sender is written as in Shop <shop@example.com>")
        return value

    @field_validator("quiet_hours", mode="before")
    @classmethod
    def _read_quiet_hours(cls, value: object) -> object:
        return QuietHours.read(value) if isinstance(value, str) else value

    @field_validator("quiet_hours_zone")
    @classmethod
    def _require_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value} is no time zone such as Asia/Taipei")
        return value

    @model_validator(mode="after")
    def _require_url(self) -> Self:
        if self.sms_provider is Provider.HTTP and self.sms_url is None:
            raise ValueError("SMS_PROVIDER=http needs SMS_URL")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """Where the quiet hours are those of the clock on the wall."""
        return ZoneInfo(self.quiet_hours_zone)


def read(settings: Settings) -> NotificationSettings:
    return read_settings(NotificationSettings, settings)
