"""From the bytes that were sent to an action: whose they are, what they say, and what that asks for.

Whoever sends what cannot be verified reads one and the same answer, whatever the cause: a better
one would help to forge the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from joserfc.errors import JoseError
from pydantic import ValidationError
from pydantic_core import from_json

from app.core.errors import ProblemError
from app.core.jwks import KeysUnavailable, UnknownKey
from app.features.webhooks.incoming.actions import Action, contents, is_unknown
from app.features.webhooks.incoming.messages import Head, Message, NotNow
from app.features.webhooks.incoming.senders import Key, Sender
from app.features.webhooks.signatures import BadSignature

logger = structlog.get_logger(__name__)

class Untrusted(ProblemError):
    """Nobody knows who has sent it."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self) -> None:
        super().__init__("the message cannot be verified")
        self.headers = {"WWW-Authenticate": 'Signature realm="webhooks"'}


def get_opened(sender: Sender, body: bytes) -> bytes:
    """Return what was signed, out of its encryption where the source encrypts."""
    with _verifying(sender):
        return sender.opened(body)


async def get_public_key(sender: Sender, body: bytes, headers: Mapping[str, str]) -> Key:
    """Return the key that must have signed `body`; raises Untrusted or NotNow."""
    with _verifying(sender):
        return await sender.key_of(body, headers)


def get_decode_content(sender: Sender, key: Key, body: bytes) -> Message:
    """Return what was signed by `key`; raises Untrusted, or says what is wrong with it."""
    with _verifying(sender):
        verified = key.verified(body)
    try:
        content = from_json(verified.payload, allow_inf_nan=False)
    except ValueError as error:
        raise invalid((), "it is no JSON") from error
    if not isinstance(content, dict):
        raise invalid((), "it is no JSON object")
    if "action" not in content and "type" in content:
        content["action"] = content.pop("type")
    with _explaining():
        head = Head.model_validate(content)
    return Message(verified.id, head.action, content)


def get_action(sender: Sender, message: Message) -> Action | None:
    """Return what a message asks for; None: nothing that the source's module knows."""
    try:
        action = contents()[sender.module].validate_python(message.content, by_alias=True)
    except ValidationError as error:
        if is_unknown(error):
            return None
        with _explaining():
            raise
    if action.timestamp > datetime.now(UTC) + sender.window:
        # It would outdate everything until then.
        raise invalid(("timestamp",), "it is in the future")
    return action


@contextmanager
def _verifying(sender: Sender) -> Iterator[None]:
    """Log why something is not trusted, and do not say so."""
    try:
        yield
    except KeysUnavailable as error:
        raise NotNow("the keys of the source cannot be had now; send it again") from error
    except ValidationError as error:
        raise _invalid(error) from error
    except (BadSignature, UnknownKey, JoseError, ValueError, TypeError, KeyError) as error:
        logger.warning("webhook.untrusted", source=sender.name, reason=repr(error)[:200])
        raise Untrusted from error


@contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise _invalid(error) from error


def _invalid(error: ValidationError) -> RequestValidationError:
    return RequestValidationError(
        [{"loc": ("body", *each["loc"]), "msg": each["msg"]} for each in error.errors()]
    )


def invalid(where: tuple[Any, ...], why: str) -> RequestValidationError:
    return RequestValidationError([{"loc": ("body", *where), "msg": why}])
