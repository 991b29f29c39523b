"""From the bytes that were sent to an action: whose they are, what they say, what that asks for.

Whoever sends what cannot be verified reads one and the same answer, whatever the cause: a better
one would help to forge the next. Only where a key may be newer than those we have, it is "not now".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus

import structlog
from fastapi.exceptions import RequestValidationError
from joserfc.errors import JoseError
from pydantic import ValidationError

from app.core.errors import ProblemError
from app.core.jwks import KeysUnavailable, UnknownKey, UnknownYet
from app.features.webhooks.incoming import actions
from app.features.webhooks.incoming.actions import Action
from app.features.webhooks.incoming.messages import Message, NotNow
from app.features.webhooks.incoming.models import LONGEST_SUBJECT
from app.features.webhooks.incoming.senders import Sender, Verifier
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
    with _verifying():
        return sender.opened(body)


async def get_public_key(sender: Sender, body: bytes, headers: Mapping[str, str]) -> Verifier:
    """Return the key that must have signed `body`; raises Untrusted or NotNow."""
    with _verifying():
        return await sender.key_of(body, headers)


def get_decode_content(key: Verifier, body: bytes) -> Message:
    """Return what was signed by `key`; raises Untrusted, or says what is wrong with it."""
    with _verifying():
        return Message.read(*key.verified(body))


def get_action(sender: Sender, message: Message) -> Action | None:
    """Return what a message asks for; None: nothing that the source's module knows."""
    try:
        action = actions.contents()[sender.module].validate_python(message.content, by_alias=True)
    except ValidationError as error:
        if actions.is_unknown(error):
            return None
        raise _invalid(error) from error
    if action.timestamp > datetime.now(UTC) + sender.window:
        # It would outdate everything until then.
        raise _wrong("it is in the future", "timestamp")
    if len(action.subject) > LONGEST_SUBJECT or "\0" in action.subject:
        raise _wrong(f"what it is about has more than {LONGEST_SUBJECT} characters, or a NUL")
    return action


@contextmanager
def _verifying() -> Iterator[None]:
    """Log why something is not trusted, and do not say so."""
    try:
        yield
    except (KeysUnavailable, UnknownYet) as error:
        detail = "the keys of the source cannot be had now; send it again"
        raise NotNow(detail, error.retry_after) from error
    except ValidationError as error:
        raise _invalid(error) from error
    except (BadSignature, UnknownKey, JoseError, ValueError, TypeError, KeyError) as error:
        logger.warning("webhook.untrusted", reason=repr(error)[:200])
        raise Untrusted from error


def _wrong(told: str, *where: str) -> RequestValidationError:
    return RequestValidationError([{"loc": ("body", *where), "msg": told}])


def _invalid(error: ValidationError) -> RequestValidationError:
    return RequestValidationError(
        [{"loc": ("body", *each["loc"]), "msg": each["msg"]} for each in error.errors()]
    )
