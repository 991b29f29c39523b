"""Register, rotate and revoke the client applications that call the api.

A key is shown once, alone on standard output; what is told about it goes to standard error:
KEY=$(python -m app clients register billing --scope profiles:read)
"""

from __future__ import annotations

import asyncio
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import timedelta

NAME = re.compile(r"\S(.{0,98}\S)?")
MOST_DAYS = 36_500


def declare(parser: ArgumentParser) -> None:
    json_too = ArgumentParser(add_help=False)
    json_too.add_argument("--json", action="store_true", help="answer with JSON")
    one = ArgumentParser(add_help=False, parents=[json_too])
    one.add_argument("number", type=int, help="the client's number")
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")

    def add(name: str, text: str, parent: ArgumentParser) -> ArgumentParser:
        return actions.add_parser(name, help=text, description=text, parents=[parent])

    add("list", "List every client.", json_too)
    register = add("register", "Register a client and show its key.", json_too)
    register.add_argument("name", type=_name, help="what the client is called, once and for all")
    register.add_argument("--scope", action="append", required=True, help="repeat it for more")
    register.add_argument("--days", type=_days, help="how long it may call; for ever without this")
    rotate = add("rotate", "Show a new key; older ones end soon.", one)
    for each in (register, rotate):
        each.set_defaults(shows_secret=True)
    rotate.add_argument(
        "--overlap", type=_days, default=timedelta(days=7), help="days the older keys live on (7)"
    )
    add("revoke", "Refuse a client from now on.", one)
    add("show", "Show a client and its keys, but not what they are.", one)


def run(arguments: Namespace) -> None:
    # Only this command needs the endpoints.
    from app.features.security import client_admin  # noqa: PLC0415
    from app.settings import Settings  # noqa: PLC0415

    asyncio.run(client_admin.serve(arguments, Settings()))


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ArgumentTypeError("a name has 1 to 100 characters, and no space at its ends")
    return text


def _days(text: str) -> timedelta:
    try:
        days = float(text)
    except ValueError:
        days = -1
    if not 0 <= days <= MOST_DAYS:
        raise ArgumentTypeError(f"{text!r} is no number of days")
    return timedelta(days=days)
