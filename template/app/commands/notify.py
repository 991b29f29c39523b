"""Send a message to try it out, list messages, and suppress recipients."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, Namespace
from uuid import UUID

from app.core.arguments import limit, line


def declare(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    whom = ArgumentParser(add_help=False)
    whom.add_argument("channel", choices=["mail", "sms"])
    whom.add_argument("recipient", help="a mail address, or a number as +886912345678")

    def add(name: str, text: str, *parents: ArgumentParser) -> ArgumentParser:
        return actions.add_parser(name, help=text, description=text, parents=list(parents))

    add("test", "Send a test message now, and say what became of it.", whom)
    listed = add("list", "List the newest messages.")
    states = ["queued", "sending", "sent", "delivered", "failed", "suppressed", "unknown"]
    listed.add_argument("--state", choices=states, help="of this state only")
    listed.add_argument("--channel", choices=["mail", "sms"], help="of this channel only")
    listed.add_argument("--limit", type=limit, default=50, help="no more than these (default: 50)")
    listed.add_argument("--json", action="store_true", help="answer with JSON")
    suppress = add("suppress", "Send nothing more to a recipient.", whom)
    why = "why, for whoever asks later"
    suppress.add_argument("--reason", type=line, default="by an operator", help=why)
    add("allow", "Send to a suppressed recipient again.", whom)
    add("suppressions", "List the recipients who get nothing.")
    decide = add("decide", "Say of an unknown or failed message what is to be done.")
    decide.add_argument("id", type=UUID)
    how = decide.add_mutually_exclusive_group(required=True)
    how.add_argument("--sent", dest="was_sent", action="store_true", help="it has arrived")
    how.add_argument("--again", dest="was_sent", action="store_false", help="send it again")


def run(arguments: Namespace) -> None:
    from app.features.notifications import desk_commands  # noqa: PLC0415 - only this command does
    from app.settings import Settings  # noqa: PLC0415

    asyncio.run(desk_commands.serve(arguments, Settings()))
