"""Webhooks: those that were received, who is sent others, and what became of these."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, Namespace
from uuid import UUID

from app.core.arguments import instant, limit, line

STATES = ("queued", "delivered", "failed")


def declare(parser: ArgumentParser) -> None:
    things = parser.add_subparsers(required=True, metavar="WHAT", dest="what")
    _declare_received(things.add_parser("received", help="Webhooks that others have sent."))
    _declare_endpoints(things.add_parser("endpoints", help="Who is sent webhooks."))
    _declare_deliveries(things.add_parser("deliveries", help="What was sent to them."))


def _declare_received(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")

    def add(name: str, text: str) -> ArgumentParser:
        return actions.add_parser(name, help=text, description=text)

    listed = add("list", "List the newest webhooks that were received.")
    states = ["received", "applied", "stale", "ignored", "failed"]
    listed.add_argument("--state", choices=states, help="of this state only")
    listed.add_argument("--source", type=line, help="of this source only")
    listed.add_argument("--limit", type=limit, default=50, help="no more than these (default: 50)")
    listed.add_argument("--json", action="store_true", help="answer with JSON")
    again = add("repeat", "Have a webhook tried again that has failed or was ignored.")
    again.add_argument("id", type=UUID)


def _declare_endpoints(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    one = ArgumentParser(add_help=False)
    one.add_argument("id", type=UUID)

    def add(name: str, text: str, *parents: ArgumentParser) -> ArgumentParser:
        return actions.add_parser(name, help=text, description=text, parents=list(parents))

    new = add("add", "Send events to a URL from now on; prints the endpoint's id and its secret.")
    new.add_argument("url", type=line)
    types = "a type such as profile.updated, or several: profile.* or *"
    new.add_argument("event_type", nargs="+", help=types)
    listed = add("list", "List the endpoints, and how they do.")
    listed.add_argument("--json", action="store_true", help="answer with JSON")
    rotate = add(
        "rotate", "Print a new secret; for WEBHOOKS_OVERLAP the one before signs too.", one
    )
    for each in (new, rotate):
        each.set_defaults(shows_secret=True)
    add("enable", "Send to it again, what waits first.", one)
    disable = add("disable", "Send it nothing; what is queued waits.", one)
    why = "why, for whoever asks later"
    disable.add_argument("--reason", type=line, default="by an operator", help=why)
    add("remove", "Forget it, and its deliveries.", one)


def _declare_deliveries(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    which = ArgumentParser(add_help=False)
    which.add_argument("id", type=UUID, nargs="?", help="this one only")
    which.add_argument("--endpoint", type=UUID, metavar="ID", help="to this endpoint only")
    which.add_argument("--type", type=line, help="of this type only")
    for name, text in (("--since", "from this time on"), ("--until", "before this time")):
        shown = f"published {text}: 2026-11-30T09:00, UTC where it names no zone"
        which.add_argument(name, type=instant, metavar="TIME", help=shown)

    def add(name: str, text: str) -> ArgumentParser:
        return actions.add_parser(name, help=text, description=text, parents=[which])

    listed = add("list", "List the newest deliveries.")
    listed.add_argument("--limit", type=limit, default=50, help="no more than these (default: 50)")
    listed.add_argument("--json", action="store_true", help="answer with JSON")
    replay = add("replay", "Send one again, or all of a time; each with its webhook-id.")
    for each in (listed, replay):
        each.add_argument("--state", choices=STATES, help="of this state only")


def run(arguments: Namespace) -> None:
    from app.features.webhooks.incoming import inbox_commands  # noqa: PLC0415 - only these do
    from app.features.webhooks.outgoing import desk_commands  # noqa: PLC0415
    from app.settings import Settings  # noqa: PLC0415

    desk = inbox_commands if arguments.what == "received" else desk_commands
    asyncio.run(desk.serve(arguments, Settings()))
