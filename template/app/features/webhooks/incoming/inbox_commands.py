"""What an operator does about received webhooks: `python -m app webhooks received`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import asdict
from datetime import UTC

from sqlalchemy.exc import SQLAlchemyError

from app.core.database import Database
from app.core.logging import configure_logging
from app.features.webhooks.incoming import inbox
from app.features.webhooks.incoming.inbox import Record, printable
from app.features.webhooks.incoming.models import State
from app.settings import Settings


async def serve(arguments: Namespace, settings: Settings) -> None:
    """Do what was asked for; exits with code 1 where that cannot be done."""
    # To standard error: what is asked for is alone on standard output.
    configure_logging(settings.log_level, settings.log_format)
    database = Database(settings.database_url)
    try:
        await ACTIONS[arguments.action](database, arguments)
    except SQLAlchemyError as error:
        sys.exit(f"The database has refused: {type(error).__name__}. Has it been migrated?")
    finally:
        await database.close()


async def _list(database: Database, arguments: Namespace) -> None:
    state = State(arguments.state) if arguments.state else None
    found = await inbox.find(database.reads, arguments.limit, state=state, source=arguments.source)
    if arguments.json:
        print(json.dumps([asdict(each) for each in found], default=str, indent=2))
        return
    for each in found:
        print(_line(each))
    print(f"{len(found)} webhooks")


def _line(record: Record) -> str:
    when = f"{record.received_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    subject = printable(record.subject or "-")
    told = f"{record.id}  {when}  {record.state:<8}  {record.source}  {record.action}"
    return f"{told}  {subject}  {(record.detail or '')[:120]}".rstrip()


async def _repeat(database: Database, arguments: Namespace) -> None:
    try:
        async with database.writes() as session:
            await inbox.repeat(session, arguments.id)
    except inbox.NotRepeatable:
        sys.exit(f"{arguments.id} is no webhook that has failed or was ignored: received list")
    print("will be tried again")


ACTIONS = {"list": _list, "repeat": _repeat}
