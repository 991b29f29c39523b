"""Text messages to a provider, whoever that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

import httpx
import structlog

from app.features.notifications.outcomes import (
    Accepted,
    Outcome,
    Postponed,
    Refused,
    Uncertain,
    Unreachable,
)
from app.features.notifications.settings import NotificationSettings, Provider

if TYPE_CHECKING:
    from uuid import UUID

logger = structlog.get_logger(__name__)

BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True)
class Text:
    """A text message on its way."""

    id: UUID
    to: str
    text: str


class SmsProvider(Protocol):
    """Who sends text messages."""

    async def send(self, message: Text) -> Outcome:
        """Hand one over; raises Unreachable."""

    async def close(self) -> None:
        """Close what was opened."""


class Console:
    """Text messages in the log, for those who develop."""

    async def send(self, message: Text) -> Outcome:
        logger.info("sms.written", id=str(message.id), text=message.text)
        return Accepted(detail="written into the log")

    async def close(self) -> None:
        """There is nothing to close."""


class Http:
    """A provider that takes a form by POST and answers with JSON, as most do."""

    def __init__(self, settings: NotificationSettings) -> None:
        self._settings = settings
        password = settings.sms_password.get_secret_value()
        self._client = httpx.AsyncClient(
            timeout=settings.sms_timeout.total_seconds(),
            auth=(settings.sms_username, password) if settings.sms_username else None,
        )

    async def send(self, message: Text) -> Outcome:
        own = self._settings
        values = {
            "{to}": message.to,
            "{text}": message.text,
            "{sender}": own.sms_sender or "",
            "{id}": str(message.id),
        }
        form = {name: _filled(text, values) for name, text in own.sms_form.items()}
        try:
            response = await self._client.post(own.sms_url or "", data=form)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unreachable(f"the provider at SMS_URL cannot be reached: {error}") from error
        except httpx.HTTPError as error:
            return Uncertain(f"{type(error).__name__}: {error}")
        return self._understood(response)

    def _understood(self, response: httpx.Response) -> Outcome:
        told = f"{response.status_code} {response.text[:200]}"
        if response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise Unreachable(f"the provider refuses SMS_USERNAME: {response.status_code}")
        if response.is_success:
            return Accepted(self._id_in(response))
        if response.status_code in BUSY:
            return Postponed(told, _pause(response.headers))
        return Refused(told) if response.is_client_error else Uncertain(told)

    def _id_in(self, response: httpx.Response) -> str | None:
        try:
            found = response.json()
        except ValueError:
            return None
        value = found.get(self._settings.sms_id_field) if isinstance(found, dict) else None
        return None if value is None else str(value)[:200]

    async def close(self) -> None:
        await self._client.aclose()


def _filled(text: str, values: Mapping[str, str]) -> str:
    for mark, value in values.items():
        if text == mark:
            return value
    return text


def _pause(headers: Mapping[str, str]) -> timedelta | None:
    seconds = headers.get("Retry-After", "")
    return min(timedelta(seconds=int(seconds)), LONGEST_PAUSE) if seconds.isdecimal() else None


def provider(settings: NotificationSettings) -> SmsProvider:
    if settings.sms_provider is Provider.SNS:
        from app.features.notifications.sns import Sns  # noqa: PLC0415 - Amazon's library is large

        return Sns(settings)
    return Http(settings) if settings.sms_provider is Provider.HTTP else Console()
