"""List the webhooks that were received, and have one tried again."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, Namespace
from uuid import UUID


def declare(parser: ArgumentParser) -> None:
    things = parser.add_subparsers(required=True, metavar="WHAT", dest="what")
    _declare_received(things.add_parser("received", help="Webhooks that others have sent."))


def _declare_received(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")

    def add(name: str, text: str) -> ArgumentParser:
        return actions.add_parser(name, help=text, description=text)

    listed = add("list", "List the newest webhooks that were received.")
    states = ["received", "applied", "stale", "ignored", "failed"]
    listed.add_argument("--state", choices=states, help="of this state only")
    listed.add_argument("--source", help="of this source only")
    listed.add_argument("--limit", type=int, default=50, help="no more than these (default: 50)")
    listed.add_argument("--json", action="store_true", help="answer with JSON")
    again = add("repeat", "Have a webhook tried again that has failed or was ignored.")
    again.add_argument("id", type=UUID)


def run(arguments: Namespace) -> None:
    from app.features.webhooks.incoming import inbox_commands  # noqa: PLC0415 - only these do
    from app.settings import Settings  # noqa: PLC0415

    asyncio.run(inbox_commands.serve(arguments, Settings()))
