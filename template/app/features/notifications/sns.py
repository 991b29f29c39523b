"""Text messages by Amazon SNS."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import botocore.config  # type: ignore[import-untyped]
import botocore.exceptions  # type: ignore[import-untyped]
import botocore.session  # type: ignore[import-untyped]

from app.features.notifications.outcomes import (
    Accepted,
    Outcome,
    Postponed,
    Refused,
    Uncertain,
    Unreachable,
)
from app.features.notifications.settings import NotificationSettings
from app.features.notifications.sms import Text

# What says that the message was not even looked at (Amazon SNS, "Publish", errors).
POSTPONES = {"Throttling", "ThrottlingException", "KMSThrottling", "ServiceUnavailable"}
AWAY = (botocore.exceptions.ConnectionError, botocore.exceptions.NoCredentialsError)
DENIED = {
    "AuthorizationError",
    "ExpiredToken",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}


class Sns:
    """Amazon SNS, with the credentials of wherever this runs."""

    def __init__(self, settings: NotificationSettings) -> None:
        seconds = settings.sms_timeout.total_seconds()
        # It would repeat what may have been sent.
        once = {"total_max_attempts": 1}
        config = botocore.config.Config(connect_timeout=seconds, read_timeout=seconds, retries=once)
        self._client: Any = botocore.session.get_session().create_client("sns", config=config)
        self._sender = settings.sms_sender

    async def send(self, message: Text) -> Outcome:
        try:
            return Accepted(await asyncio.to_thread(self._publish, message))
        except botocore.exceptions.ClientError as error:
            return _understood(error.response)
        except AWAY as error:
            raise Unreachable(f"Amazon SNS cannot be reached: {error}") from error
        except botocore.exceptions.BotoCoreError as error:
            return Uncertain(f"{type(error).__name__}: {error}")

    def _publish(self, message: Text) -> str:
        attributes = {}
        if self._sender:
            sender = {"DataType": "String", "StringValue": self._sender}
            attributes["AWS.SNS.SMS.SenderID"] = sender
        answer = self._client.publish(
            PhoneNumber=message.to, Message=message.text, MessageAttributes=attributes
        )
        return str(answer["MessageId"])

    async def close(self) -> None:
        await asyncio.to_thread(self._client.close)


def _understood(answer: Mapping[str, Any]) -> Outcome:
    code, told = answer["Error"].get("Code", ""), answer["Error"].get("Message", "")
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in DENIED:
        raise Unreachable(f"Amazon SNS refuses these credentials: {code}")
    if code in POSTPONES:
        return Postponed(f"{code}: {told}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Uncertain(f"{code}: {told}")
    return Refused(f"{code}: {told}")
