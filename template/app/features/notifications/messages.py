"""Asking for messages: what is written, in the transaction of whoever asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import insert, select

from app.core.asking import enqueue_once
from app.core.database import WriteSession
from app.core.inserting import inserted
from app.features.notifications import recipients, segments
from app.features.notifications.mail import Attachment, Mail, refusals
from app.features.notifications.models import Channel, State
from app.features.notifications.tables import ATTACHMENTS, MESSAGES

DELIVER = "notifications.deliver"
MOST_ATTACHED_BYTES = 10 * 1024 * 1024
MOST_SEGMENTS = 10
# Of a mail, what has a column or a table of its own.
APART = ("to", "attachments")


class NoMessage(ValueError):
    """It cannot be sent as it is; says why."""


@dataclass(frozen=True)
class _Draft:
    channel: Channel
    recipient: str
    content: dict[str, object]
    urgent: bool
    attachments: Sequence[Attachment] = ()


async def send_mail(session: WriteSession, mail: Mail, *, key: str | None = None) -> UUID:
    """Ask for a mail; it exists if and only if this transaction commits. Returns its id.

    With the `key` of an earlier mail to the same recipient, that one is it, and nothing is sent
    again. Raises NoMessage.
    """
    recipient = _recipient(Channel.MAIL, mail.to)
    if found := refusals(mail):
        raise NoMessage(f"The mail cannot be sent: {found[0]}.")
    if sum(len(each.data) for each in mail.attachments) > MOST_ATTACHED_BYTES:
        raise NoMessage(f"A mail has at most {MOST_ATTACHED_BYTES} bytes of attachments.")
    content = {name: value for name, value in vars(mail).items() if name not in APART}
    draft = _Draft(Channel.MAIL, recipient, content, urgent=True, attachments=mail.attachments)
    return await _store(session, draft, key)


@dataclass(frozen=True)
class Sms:
    """A text message; `region` is that of a number without its country's.

    One that is urgent is sent in quiet hours too.
    """

    to: str
    text: str
    urgent: bool = False
    region: str | None = None


async def send_sms(session: WriteSession, sms: Sms, *, key: str | None = None) -> UUID:
    """Ask for a text message, as `send_mail` does; raises NoMessage."""
    recipient = _recipient(Channel.SMS, sms.to, sms.region)
    number = segments.count(sms.text)
    if not sms.text.strip():
        raise NoMessage("The text message is empty.")
    if number > MOST_SEGMENTS:
        raise NoMessage(f"The text message has {number} segments, and at most {MOST_SEGMENTS} go.")
    draft = _Draft(Channel.SMS, recipient, {"text": sms.text, "segments": number}, sms.urgent)
    return await _store(session, draft, key)


def _recipient(channel: Channel, text: str, region: str | None = None) -> str:
    try:
        return recipients.normalized(channel, text, region)
    except recipients.NoRecipient as error:
        raise NoMessage(f"The recipient {error}") from error


async def _store(session: WriteSession, draft: _Draft, key: str | None) -> UUID:
    now, new = datetime.now(UTC), uuid4()
    digest = recipients.digest(draft.channel, draft.recipient, key or f"{new}")
    row = {
        "id": new,
        "digest": digest,
        "channel": draft.channel,
        "recipient": draft.recipient,
        "content": draft.content,
        "urgent": draft.urgent,
        "state": State.QUEUED,
        "failures": 0,
        "created_at": now,
        "due_at": now,
    }
    if not await inserted(session, MESSAGES, row):
        found = await session.execute(select(MESSAGES.c.id).where(MESSAGES.c.digest == digest))
        return UUID(str(found.scalar_one()))
    if draft.attachments:
        files = [
            {"notification_id": new, "position": position, **vars(each)}
            for position, each in enumerate(draft.attachments)
        ]
        await session.execute(insert(ATTACHMENTS), files)
    # It sends whatever is due.
    await enqueue_once(session, DELIVER, channel=draft.channel)
    return new
