"""The desk of whoever looks after messages: `python -m app notify`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import uuid4

from app.core.database import Database
from app.features.notifications import desk, mail, recipients, sms, smtp
from app.features.notifications.desk import Record
from app.features.notifications.mail import Envelope, Mail
from app.features.notifications.models import Channel, State
from app.features.notifications.outcomes import Accepted, Outcome, Unreachable
from app.features.notifications.settings import NotificationSettings, read
from app.features.notifications.sms import Text
from app.settings import Settings, read_project


async def serve(arguments: Namespace, settings: Settings) -> None:
    """Do what was asked for; exits with code 1 where that cannot be done."""
    if "recipient" in arguments:
        arguments.channel = Channel(arguments.channel)
        arguments.recipient = _recipient(arguments, read(settings))
    if arguments.action == "test":
        await _test(arguments, read(settings))
        return
    database = Database(settings.database_url)
    try:
        await ACTIONS[arguments.action](database, arguments)
    finally:
        await database.close()


def _recipient(arguments: Namespace, own: NotificationSettings) -> str:
    try:
        return recipients.normalized(arguments.channel, arguments.recipient.strip(), own.sms_region)
    except recipients.NoRecipient as error:
        sys.exit(f"{arguments.recipient!r} {error}")


async def _test(arguments: Namespace, own: NotificationSettings) -> None:
    """Hand one over at once, past the outbox: so that whoever sets it up sees the answer."""
    send = _test_mail if arguments.channel is Channel.MAIL else _test_sms
    try:
        outcome = await send(own, arguments.recipient)
    except Unreachable as error:
        sys.exit(f"Not sent: {error}.")
    told = f"{type(outcome).__name__}: {outcome.detail or 'no more is known'}"
    if not isinstance(outcome, Accepted):
        sys.exit(told)
    print(told)


async def _test_mail(own: NotificationSettings, recipient: str) -> Outcome:
    name = read_project().name
    message = Mail(recipient, f"A test of {name}", f"{name} can send mail.\n")
    envelope = Envelope(own.mail_from, uuid4(), datetime.now(UTC))
    mailer = smtp.mailer(own)
    try:
        return await mailer.send(mail.written(message, envelope), envelope.address, recipient)
    finally:
        await mailer.close()


async def _test_sms(own: NotificationSettings, recipient: str) -> Outcome:
    provider = sms.provider(own)
    try:
        return await provider.send(Text(uuid4(), recipient, f"A test of {read_project().name}."))
    finally:
        await provider.close()


async def _list(database: Database, arguments: Namespace) -> None:
    state = State(arguments.state) if arguments.state else None
    channel = Channel(arguments.channel) if arguments.channel else None
    found = await desk.find(database.reads, arguments.limit, state=state, channel=channel)
    if arguments.json:
        print(json.dumps([asdict(each) for each in found], default=str, indent=2))
        return
    for each in found:
        print(_line(each))
    print(f"{len(found)} messages")


def _line(record: Record) -> str:
    when = f"{record.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    told = f"{record.id}  {when}  {record.state:<10}  {record.channel:<4}  {record.recipient}"
    return f"{told}  {(record.detail or '')[:80]}".rstrip()


async def _suppress(database: Database, arguments: Namespace) -> None:
    async with database.writes() as session:
        news = await desk.suppress(
            session, arguments.channel, arguments.recipient, arguments.reason
        )
    print(f"{arguments.recipient} {'is' if news else 'was already'} suppressed")


async def _allow(database: Database, arguments: Namespace) -> None:
    async with database.writes() as session:
        news = await desk.allow(session, arguments.channel, arguments.recipient)
    print(f"{arguments.recipient} {'is allowed again' if news else 'was not suppressed'}")


async def _suppressions(database: Database, _: Namespace) -> None:
    found = await desk.suppressions(database.reads)
    for each in found:
        print(f"{each.created_at:%Y-%m-%d}  {each.channel:<4}  {each.recipient}  {each.reason}")
    print(f"{len(found)} recipients")


async def _decide(database: Database, arguments: Namespace) -> None:
    try:
        async with database.writes() as session:
            await desk.decide(session, arguments.id, was_sent=arguments.was_sent)
    except desk.NotDecidable:
        sys.exit(f"{arguments.id} is no message that is unknown or has failed: notify list")
    print("noted as sent" if arguments.was_sent else "will be sent again")


ACTIONS = {
    "list": _list,
    "suppress": _suppress,
    "allow": _allow,
    "suppressions": _suppressions,
    "decide": _decide,
}
