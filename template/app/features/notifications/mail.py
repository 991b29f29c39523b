"""A mail, as it is asked for and as it is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.features.notifications import recipients
from app.features.notifications.models import Channel

TEMPLATES = Path(__file__).parents[2] / "mails"
# Any server takes it, and none has to convert it.
POLICY = SMTP.clone(cte_type="7bit")
# What would end a header, what no header shows, and what is read as another text (RFC 2047).
NOT_IN_HEADERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]|=\?")
# Mails within mails may not be encoded (RFC 2046, 5.2.1): they are attached as something else.
OF_A_FILE = re.compile(
    r"(?!message/|multipart/)[a-z0-9.+-]+/[a-z0-9.+-]+", re.IGNORECASE | re.ASCII
)
NEEDS_QUOTES = re.compile(r"[^\w\s]")
HALF_A_CHARACTER = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a mail."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True)
class Mail:
    """A mail to one recipient. `name` is the recipient's, for people."""

    to: str
    subject: str
    text: str
    html: str | None = None
    name: str = ""
    reply_to: str | None = None
    attachments: tuple[Attachment, ...] = ()

    @classmethod
    def from_template(
        cls,
        template: str,
        to: str,
        *,
        name: str = "",
        attachments: tuple[Attachment, ...] = (),
        **values: object,
    ) -> Mail:
        """Write one from `app/mails/TEMPLATE.txt`, its first line the subject.

        TEMPLATE.html beside it, if it is there, is the same for those who read HTML; what is put
        into that is escaped. A value that a template names and nobody gives is an error.
        """
        told = environment().get_template(f"{template}.txt").render(values | {"name": name})
        subject, _, text = told.partition("\n")
        html = None
        if (TEMPLATES / f"{template}.html").exists():
            html = environment().get_template(f"{template}.html").render(values | {"name": name})
        return cls(to, subject.strip(), text.lstrip("\n"), html, name, attachments=attachments)


@cache
def environment() -> Environment:
    """Return what renders templates, which it reads once."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )


@dataclass(frozen=True)
class Envelope:
    """Who sends a mail (`Shop <shop@example.com>`), and by which id.

    That is always the same, so that a second copy can be told from another mail.
    """

    sender: str
    id: UUID
    created_at: datetime

    @property
    def address(self) -> str:
        return parseaddr(self.sender)[1]

    @property
    def message_id(self) -> str:
        return f"<{self.id}@{self.address.rpartition('@')[2]}>"


def written(mail: Mail, envelope: Envelope) -> EmailMessage:
    """Write it, with UTF-8 wherever it is needed."""
    message = EmailMessage(policy=POLICY)
    message["From"] = envelope.sender
    message["To"] = Address(mail.name, addr_spec=mail.to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(envelope.created_at.astimezone(UTC))
    message["Message-ID"] = envelope.message_id
    message["Auto-Submitted"] = "auto-generated"
    if mail.reply_to is not None:
        name, address = parseaddr(mail.reply_to)
        message["Reply-To"] = Address(name, addr_spec=recipients.normalized(Channel.MAIL, address))
    message.set_content(mail.text)
    if mail.html is not None:
        message.add_alternative(mail.html, subtype="html")
    for attachment in mail.attachments:
        _attach(message, attachment)
    return message


def _attach(message: EmailMessage, attachment: Attachment) -> None:
    main, _, sub = attachment.media_type.partition("/")
    message.add_attachment(attachment.data, maintype=main, subtype=sub, filename=attachment.name)


def refusals(mail: Mail) -> Sequence[str]:
    """Return what is wrong with it, besides its recipient."""
    headers = {"subject": mail.subject, "name": mail.name, "reply_to": mail.reply_to or ""}
    headers |= {"attachment's name": "".join(each.name for each in mail.attachments)}
    texts = headers | {"text": mail.text, "html": mail.html or ""}
    found = [
        f"its {name} has a control character or =?"
        for name in headers
        if NOT_IN_HEADERS.search(headers[name])
    ]
    found += [
        f"its {name} has half a character" for name in texts if HALF_A_CHARACTER.search(texts[name])
    ]
    if not mail.subject.strip():
        found.append("it has no subject")
    if mail.reply_to is not None and not _is_address(mail.reply_to):
        found.append("its reply_to is no mail address")
    if not found:
        said = {"name": mail.name, "reply_to": parseaddr(mail.reply_to or "")[0]}
        found = [f"its {each} would be read as another" for each in said if not _lasts(said[each])]
    found += [
        f"{each.media_type!r} is no media type of a file"
        for each in mail.attachments
        if not OF_A_FILE.fullmatch(each.media_type)
    ]
    return found


def _lasts(name: str) -> bool:
    """Say whether a name is read as it was written: Python loses the quotes of some long ones."""
    if not NEEDS_QUOTES.search(name):
        return True
    message = EmailMessage(policy=POLICY)
    message["To"] = Address(name, addr_spec="ada@example.com")
    try:
        read: Any = message_from_bytes(bytes(message), policy=POLICY)["To"]
        return [each.display_name.split() for each in read.addresses] == [name.split()]
    except Exception:  # noqa: BLE001 - whatever Python's own reader stumbles over
        return False


def _is_address(text: str) -> bool:
    try:
        recipients.normalized(Channel.MAIL, parseaddr(text)[1])
    except recipients.NoRecipient:
        return False
    return True
