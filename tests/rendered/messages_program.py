"""What a render makes of each message, a line of JSON each: sent, refused, or a fault."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from importlib import import_module
from typing import Any
from uuid import UUID

mail = import_module("app.features.notifications.mail")
messages = import_module("app.features.notifications.messages")
recipients = import_module("app.features.notifications.recipients")
segments = import_module("app.features.notifications.segments")
Channel = import_module("app.features.notifications.models").Channel
ENVELOPE = mail.Envelope("Shop <shop@example.com>", UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC))
HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Reply-To"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
}


def of_mail(given: Mapping[str, Any]) -> str:
    """Refused, or read again it is what was asked for and has no header that nobody asked for."""
    attachments = tuple(
        mail.Attachment(each["name"], each["media_type"], bytes(each["data"]))
        for each in given["attachments"]
    )
    asked = mail.Mail(**{**given, "attachments": attachments})
    try:
        to = recipients.normalized(Channel.MAIL, asked.to)
    except recipients.NoRecipient:
        return "refused"
    if mail.refusals(asked):
        return "refused"
    data = bytes(mail.written(mail.Mail(**{**vars(asked), "to": to}), ENVELOPE))
    data.decode("ascii")
    read = message_from_bytes(data, policy=policy.default)
    assert isinstance(read, EmailMessage)
    assert set(read.keys()) <= HEADERS, read.keys()
    assert len(read.keys()) == len(set(read.keys())), read.keys()
    (address,) = read["To"].addresses
    assert address.addr_spec == to, address
    # Python 3.11 reads a space where a name that is not ASCII was continued on the next line.
    assert "".join(address.display_name.split()) == "".join(asked.name.split()), address
    assert read["Subject"].split() == asked.subject.split(), read["Subject"]
    body = read.get_body(("plain",))
    assert body is not None
    assert lines(body.get_content()) == lines(asked.text), body.get_content()
    files = [each.get_payload(decode=True) for each in read.iter_attachments()]
    assert files == [each.data for each in attachments], files
    return "sent"


def lines(text: str) -> str:
    """The same text, whatever ends its lines: a mail's last one has an end always."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def of_number(given: Mapping[str, Any]) -> str:
    """Refused, or a number as in E.164 that stays as it is."""
    try:
        number = recipients.normalized(Channel.SMS, given["to"], given["region"])
    except recipients.NoRecipient:
        return "refused"
    assert number.startswith("+"), number
    assert number[1:].isascii(), number
    assert number[1:].isdigit(), number
    assert recipients.normalized(Channel.SMS, number) == number
    return "sent"


def of_text(given: Mapping[str, Any]) -> str:
    """At least one segment, no more than there are places, and never fewer for a longer text."""
    text = given["text"]
    number = segments.count(text)
    assert 1 <= number <= max(1, 2 * len(text)), number
    assert number <= segments.count(text + "x"), number
    return "sent"


JUDGES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "mail": of_mail,
    "number": of_number,
    "text": of_text,
}
for line in sys.stdin:
    kind, given = json.loads(line)
    try:
        said = JUDGES[kind](given)
    except Exception as fault:  # noqa: BLE001 - whatever it is, it is told
        said = f"{type(fault).__name__}: {fault!s:.200}"
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
