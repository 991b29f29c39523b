"""Recipients, in the one form in which each is stored and compared."""

from __future__ import annotations

import hashlib

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from app.features.notifications.models import Channel


class NoRecipient(ValueError):
    """Nobody can be reached by that; says why, without repeating it."""


def normalized(channel: Channel, text: str, region: str | None = None) -> str:
    """Return an address, or a number as in E.164 (`region` is that of numbers without a country).

    Raises NoRecipient.
    """
    if channel is Channel.MAIL:
        return _address(text)
    return _number(text, region)


def _address(text: str) -> str:
    try:
        found = validate_email(
            text, allow_smtputf8=False, check_deliverability=False, test_environment=True
        )
    except EmailNotValidError as error:
        raise NoRecipient(f"is no mail address: {error}") from error
    return found.ascii_email or found.normalized


def _number(text: str, region: str | None) -> str:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise NoRecipient("is no phone number that begins with its country's, as +886…") from error
    if not phonenumbers.is_possible_number(number):
        raise NoRecipient("is no possible phone number of its country")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def digest(channel: Channel, recipient: str, key: str = "") -> str:
    """Return what stands for a recipient, or for one message to it, alike on every database."""
    return hashlib.sha256(f"{channel}\0{recipient.casefold()}\0{key}".encode()).hexdigest()
